"""Whether what follows a checkpoint is still on the stream, and who says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config.site import Site
from kcl_app.core.position import Position
from kcl_app.quiet import QuietMarks
from kcl_app.retention import ATTEMPTS, StreamRetention
from kcl_app.stopped import Stopped
from kcl_app.wiring import retention
from tests.guarantees.old_stream import MONDAY, OldStream

SHARD = "shardId-0"


@pytest.fixture
def marks(site: Site) -> QuietMarks:
    site.client("s3").create_bucket(Bucket=site.bucket)
    return QuietMarks(site.client("s3"), site.bucket, site.prefix, "life")


def of(stream: OldStream, marks: QuietMarks) -> StreamRetention:
    return StreamRetention(stream, "ticks", marks, stream.sleep)


def test_a_checkpoint_that_can_be_read_leaves_no_gap(marks: QuietMarks) -> None:
    assert not of(OldStream(["7", "8", "9"]), marks).gap(SHARD, Position("8"))


def test_a_position_inside_an_aggregated_record_is_found_by_its_sequence(
    marks: QuietMarks,
) -> None:
    assert not of(OldStream(["8"]), marks).gap(SHARD, Position("8", 41))


def test_sequence_numbers_compare_as_integers(marks: QuietMarks) -> None:
    assert not of(OldStream(["0008"]), marks).gap(SHARD, Position("8"))


def test_empty_reads_are_read_past(marks: QuietMarks) -> None:
    stream = OldStream(["8"], empty_reads=5)
    assert not of(stream, marks).gap(SHARD, Position("8"))
    assert len(stream.slept) == 5


def test_the_last_record_of_a_closed_shard_proves_its_checkpoint(marks: QuietMarks) -> None:
    assert not of(OldStream(["8"], closed=True), marks).gap(SHARD, Position("8"))


@pytest.mark.parametrize("strict", [False, True])
def test_an_expired_checkpoint_is_said_with_what_is_left(marks: QuietMarks, strict: bool) -> None:
    why = of(OldStream(["17"], strict=strict), marks).gap(SHARD, Position("8"))
    assert "shardId-0" in why
    assert "the checkpoint 8" in why
    assert "its oldest record is 17, which arrived at 2025-01-06 14:30" in why
    assert "may be lost" in why
    assert why.endswith("tapeline gap confirm shardId-0")


@pytest.mark.parametrize("closed", [False, True])
def test_a_shard_with_nothing_left_is_said(marks: QuietMarks, closed: bool) -> None:
    why = of(OldStream(closed=closed), marks).gap(SHARD, Position("8"))
    assert "it holds no record of this shard any more" in why


def test_throttled_reads_are_tried_again(marks: QuietMarks) -> None:
    stream = OldStream(["8"], refusals=["ProvisionedThroughputExceededException"] * 3)
    assert not of(stream, marks).gap(SHARD, Position("8"))
    assert stream.slept == [0.25, 0.5, 1.0]


def test_reads_that_stay_throttled_stop_the_shard(marks: QuietMarks) -> None:
    stream = OldStream(["8"], refusals=["LimitExceededException"] * ATTEMPTS)
    with pytest.raises(Stopped, match=r"LimitExceededException.*could not be proven"):
        of(stream, marks).gap(SHARD, Position("8"))


def test_a_shard_that_left_the_stream_is_named(marks: QuietMarks) -> None:
    with pytest.raises(Stopped, match="shardId-9 is not in stream ticks"):
        of(OldStream(), marks).gap("shardId-9", Position("8"))


# --- a quiet shard, whose last record expires though nothing followed it ----------------


def test_a_quiet_weekend_is_no_gap(marks: QuietMarks) -> None:
    """8 ... mark ... mark ...       8 expires here ... restart: the mark is 2 h old."""
    stream = OldStream()
    marks.put(SHARD, Position("8"), MONDAY - timedelta(hours=2))
    assert not of(stream, marks).gap(SHARD, Position("8"))


def test_a_mark_older_than_retention_proves_nothing(marks: QuietMarks) -> None:
    marks.put(SHARD, Position("8"), MONDAY - timedelta(hours=23, minutes=30))
    assert of(OldStream(), marks).gap(SHARD, Position("8"))


def test_a_mark_of_another_position_proves_nothing(marks: QuietMarks) -> None:
    marks.put(SHARD, Position("7"), MONDAY)
    assert of(OldStream(["17"]), marks).gap(SHARD, Position("8"))


def test_the_first_round_only_reads_the_clock(marks: QuietMarks) -> None:
    marks.renew(SHARD, Position("8"))
    assert marks.since(SHARD, Position("8")) is None
    marks.renew(SHARD, Position("8"))
    assert marks.since(SHARD, Position("8")) is not None


def test_a_record_between_two_rounds_begins_anew(marks: QuietMarks) -> None:
    marks.renew(SHARD, Position("8"))
    marks.renew(SHARD, Position("9"))
    assert marks.since(SHARD, Position("9")) is None


# --- on the emulator ---------------------------------------------------------------------


def test_the_emulators_own_sequence_numbers_are_proven(provisioned: Site) -> None:
    kinesis, stream = provisioned.client("kinesis"), provisioned.settings.stream.name
    put = kinesis.put_record(StreamName=stream, Data=b"1", PartitionKey="A")
    asked = retention(provisioned, "life")
    shard, sequence = put["ShardId"], put["SequenceNumber"]
    assert not asked.gap(shard, Position(sequence))
    earlier = str(int(sequence) - 1).rjust(len(sequence), "0")
    assert sequence in asked.gap(shard, Position(earlier))
