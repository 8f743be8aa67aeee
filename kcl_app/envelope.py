"""The daemon's messages, from one line of JSON to columns.

Rules:
1. ``processRecords`` is decoded in one pass; the few other messages are small and
   go through amazon_kclpy's own decoder, so their objects are the stock ones.
2. A message that cannot be read stops the shard: half a batch is worse than none.
3. What an old emulator leaves out has one meaning: no data is ``b""``, no
   sub-sequence is 0, and no arrival time is 0 (1970). It must be the same in every
   replay, so it is never the clock's.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
from amazon_kclpy import dispatch, messages

from kcl_app.core.records import Records

PROCESS_RECORDS = "processRecords"


class MessageUnreadable(Exception):
    """The daemon sent something that is not a message of the multilang protocol."""

    def __init__(self, why: object) -> None:
        super().__init__(
            f"the daemon's message cannot be read: {why}. Nothing of it was processed; the "
            "multilang protocol of KCL 3.1 is expected, so look at the jars of amazon_kclpy"
        )


class _Record(msgspec.Struct, rename="camel", gc=False):
    partition_key: str
    sequence_number: str
    data: bytes | None = None
    sub_sequence_number: int | None = None
    approximate_arrival_timestamp: int | None = None


class _Message(msgspec.Struct, rename="camel"):
    action: str
    records: list[_Record] | None = None
    millis_behind_latest: int | None = None


_decoder = msgspec.json.Decoder(_Message)


def decode(line: bytes) -> Any:
    """The message in ``line``: ProcessRecordsInput, or one of amazon_kclpy's own inputs.

    Raises MessageUnreadable.
    """
    try:
        message = _decoder.decode(line)
        if message.action == PROCESS_RECORDS:
            return _records_input(message)
        return json.loads(line, object_hook=dispatch.message_decode)
    except (msgspec.MsgspecError, dispatch.MalformedAction) as wrong:
        raise MessageUnreadable(wrong) from wrong
    except (KeyError, TypeError, ValueError) as wrong:
        raise MessageUnreadable(f"{type(wrong).__name__} {wrong}") from wrong


def _records_input(message: _Message) -> ProcessRecordsInput:
    if message.records is None:
        raise MessageUnreadable("processRecords without records")
    return ProcessRecordsInput(_columns(message.records), message.millis_behind_latest)


def _columns(records: list[_Record]) -> Records:
    return Records(
        sequences=[r.sequence_number for r in records],
        subs=[r.sub_sequence_number or 0 for r in records],
        arrivals=[r.approximate_arrival_timestamp or 0 for r in records],
        keys=[r.partition_key for r in records],
        data=[r.data or b"" for r in records],
    )


class ProcessRecordsInput(messages.ProcessRecordsInput):  # type: ignore[misc]
    """amazon_kclpy's input with the records as columns, too.

    ``columns`` is what the daemon sent, in stream order. ``records`` builds
    amazon_kclpy's objects when first asked for; who reads columns never pays for them.
    ``millis_behind_latest`` is None where the daemon does not know.
    """

    def __init__(self, columns: Records, millis_behind_latest: int | None) -> None:
        self.columns = columns
        self._millis_behind_latest = millis_behind_latest
        self._checkpointer = None
        self._action = PROCESS_RECORDS

    @cached_property
    def records(self) -> list[Record]:
        return [Record(self.columns, index) for index in range(len(self.columns))]


class Record(messages.Record):  # type: ignore[misc]
    """One record with every attribute of amazon_kclpy's; base64 is made when asked for."""

    def __init__(self, columns: Records, index: int) -> None:
        self._bytes = columns.data[index]
        self._sequence_number = columns.sequences[index]
        self._sub_sequence_number = columns.subs[index]
        self._timestamp_millis = columns.arrivals[index]
        self._partition_key = columns.keys[index]

    @property
    def binary_data(self) -> bytes:
        return self._bytes

    @cached_property
    def data(self) -> str:
        return _base64(self._bytes)

    @property
    def approximate_arrival_timestamp(self) -> datetime:
        """The arrival as local time without a zone, as amazon_kclpy gives it."""
        return datetime.fromtimestamp(self._timestamp_millis / 1000.0)

    def get(self, field: str) -> Any:
        return {
            "action": "record",
            "data": self.data,
            "partitionKey": self._partition_key,
            "sequenceNumber": self._sequence_number,
            "subSequenceNumber": self._sub_sequence_number,
            "approximateArrivalTimestamp": self._timestamp_millis,
        }[field]


def _base64(body: bytes) -> str:
    return str(msgspec.to_builtins(body))
