"""Messages decoded our way say what amazon_kclpy's own decoder says."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from amazon_kclpy import dispatch
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.envelope import MessageUnreadable, ProcessRecordsInput, decode

ATTRIBUTES = (
    "binary_data",
    "data",
    "partition_key",
    "sequence_number",
    "sub_sequence_number",
    "timestamp_millis",
    "approximate_arrival_timestamp",
)
FIELDS = (
    "action",
    "data",
    "partitionKey",
    "sequenceNumber",
    "subSequenceNumber",
    "approximateArrivalTimestamp",
)
records = st.fixed_dictionaries(
    {
        "action": st.just("record"),
        "data": st.binary(max_size=40).map(lambda body: base64.b64encode(body).decode()),
        "partitionKey": st.text(st.characters(codec="utf-8"), min_size=1, max_size=8),
        "sequenceNumber": st.from_regex(r"[0-9]{1,56}", fullmatch=True),
        "subSequenceNumber": st.integers(0, 2**31),
        "approximateArrivalTimestamp": st.integers(0, 4_000_000_000_000),
    }
)


def message(*rows: dict[str, Any]) -> bytes:
    given = {"action": "processRecords", "records": rows, "millisBehindLatest": 12}
    return json.dumps(given).encode()


def read(*rows: dict[str, Any]) -> ProcessRecordsInput:
    decoded = decode(message(*rows))
    assert isinstance(decoded, ProcessRecordsInput)
    return decoded


@given(st.lists(records, max_size=4))
def test_every_record_has_what_amazons_record_has(rows: list[dict[str, Any]]) -> None:
    stock = json.loads(message(*rows), object_hook=dispatch.message_decode)
    ours = read(*rows)
    assert ours.millis_behind_latest == stock.millis_behind_latest
    for one, other in zip(ours.records, stock.records, strict=True):
        assert [getattr(one, a) for a in ATTRIBUTES] == [getattr(other, a) for a in ATTRIBUTES]
        assert [one[f] for f in FIELDS] == [other[f] for f in FIELDS]


@given(st.lists(records, max_size=4))
def test_columns_and_records_say_the_same(rows: list[dict[str, Any]]) -> None:
    ours = read(*rows)
    columns = ours.columns
    rowwise = zip(
        columns.sequences, columns.subs, columns.arrivals, columns.keys, columns.data, strict=True
    )
    assert list(rowwise) == [
        (
            r.sequence_number,
            r.sub_sequence_number,
            r.timestamp_millis,
            r.partition_key,
            r.binary_data,
        )
        for r in ours.records
    ]


def test_what_an_old_emulator_leaves_out_means_nothing_and_never_now() -> None:
    columns = read(
        {
            "partitionKey": "k",
            "sequenceNumber": "1",
            "data": None,
            "subSequenceNumber": None,
            "approximateArrivalTimestamp": None,
        }
    ).columns
    assert (columns.subs, columns.arrivals, columns.data) == ([0], [0], [b""])


def test_records_are_made_once_so_that_they_can_be_kept() -> None:
    ours = read({"partitionKey": "k", "sequenceNumber": "1"})
    assert ours.records[0] is ours.records[0]


def test_a_bad_record_is_named_by_its_place() -> None:
    good = {"partitionKey": "k", "sequenceNumber": "1"}
    with pytest.raises(MessageUnreadable, match=r"records\[1\].sequenceNumber"):
        read(good, {"partitionKey": "k", "sequenceNumber": 2})
