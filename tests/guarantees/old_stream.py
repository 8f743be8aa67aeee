"""A shard at Kinesis' edge whose oldest records expire, with a clock of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from botocore.exceptions import ClientError

MONDAY = datetime(2025, 1, 6, 14, 30, tzinfo=UTC)


class InvalidArgument(ClientError):  # type: ignore[misc]
    pass


class NotFound(ClientError):  # type: ignore[misc]
    pass


def refused(code: str, kind: type[ClientError] = ClientError) -> ClientError:
    return kind({"Error": {"Code": code, "Message": "no"}}, "GetRecords")


@dataclass
class OldStream:
    """As much of a Kinesis client as reading one shard takes.

    ``sequences`` are what it still has. ``empty_reads`` come before each record, ``refusals``
    are raised first, ``strict`` refuses to begin at a sequence number it doesn't hold.
    """

    sequences: Sequence[str] = ()
    retention_hours: int = 24
    now: datetime = MONDAY
    empty_reads: int = 0
    closed: bool = False
    strict: bool = False
    refusals: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    class exceptions:
        InvalidArgumentException = InvalidArgument
        ResourceNotFoundException = NotFound

    def get_shard_iterator(self, **asked: Any) -> dict[str, Any]:
        if asked["ShardId"] != "shardId-0":
            raise refused("ResourceNotFoundException", NotFound)
        at = 0
        if asked["ShardIteratorType"] == "AT_SEQUENCE_NUMBER":
            start = asked["StartingSequenceNumber"]
            if self.strict and start not in self.sequences:
                raise refused("InvalidArgumentException", InvalidArgument)
            at = sum(int(s) < int(start) for s in self.sequences)
        return {"ShardIterator": f"{at}/{self.empty_reads}"}

    def get_records(self, ShardIterator: str, Limit: int) -> dict[str, Any]:
        if self.refusals:
            raise refused(self.refusals.pop())
        at, empty = map(int, ShardIterator.split("/"))
        there = self.sequences[at : at + Limit] if not empty else []
        behind = bool(self.sequences[at:]) and not there
        following = None if self.closed and not behind else f"{at + len(there)}/{empty - 1}"
        return {
            "Records": [
                {"SequenceNumber": s, "ApproximateArrivalTimestamp": MONDAY} for s in there
            ],
            "MillisBehindLatest": 1000 if behind else 0,
            "NextShardIterator": following,
            "ResponseMetadata": {"HTTPHeaders": {"date": format_datetime(self.now, usegmt=True)}},
        }

    def describe_stream_summary(self, **asked: Any) -> dict[str, Any]:
        return {"StreamDescriptionSummary": {"RetentionPeriodHours": self.retention_hours}}

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def later(self, hours: float) -> None:
        self.now += timedelta(hours=hours)
