"""The loop as the daemon sees it: a real process, real pipes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.fake_daemon import SHARD, FakeDaemon, record

Begin = Callable[[str], FakeDaemon]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Start a shard process with this processor, initialized."""
    started: list[FakeDaemon] = []

    def start(processor: str) -> FakeDaemon:
        started.append(FakeDaemon(tmp_path, processor))
        started[0].initialize()
        return started[0]

    yield start
    for daemon in started:
        daemon.kill()


def test_a_stock_processor_sees_its_records_and_checkpoints_them(begin: Begin) -> None:
    daemon = begin("stock:Ledger")
    assert daemon.records(record("16", b"a"), record("17", b"b", sub=2)) == [("17", 2)]
    assert daemon.ledger == [[SHARD, "16", 0, "AIG", "a"], [SHARD, "17", 2, "AIG", "b"]]


def test_a_sequence_number_goes_back_as_it_came_zeros_and_all(begin: Begin) -> None:
    sequence = "000000017952487286450000001001"
    assert begin("stock:Ledger").records(record(sequence, b"a")) == [(sequence, 0)]


def test_an_empty_list_is_a_tick_and_gets_its_answer(begin: Begin) -> None:
    daemon = begin("stock:Ledger")
    assert [daemon.records() for _ in range(3)] == [[], [], []]


def test_a_line_of_ten_megabytes_arrives_whole(begin: Begin) -> None:
    daemon = begin("stock:Ledger")
    body = b"x" * 1_000_000
    assert daemon.records(*(record(str(n), body) for n in range(8))) == [("7", 0)]
    assert [len(row[-1]) for row in daemon.ledger] == [1_000_000] * 8


def test_a_checkpoint_that_is_refused_can_be_tried_again(begin: Begin) -> None:
    daemon = begin("actors:Retrier")
    asked = daemon.records(record("5", b"a"), errors=["ThrottlingException"])
    assert asked == [("5", 0), ("5", 0)]


def test_a_shutdown_is_asked_for_checkpointed_and_ends_with_the_lease(begin: Begin) -> None:
    daemon = begin("actors:Parting")
    assert daemon.ask("shutdownRequested") == [("17", 3)]
    assert daemon.ask("leaseLost") == []
    assert (daemon.close(), daemon.ledger) == (0, ["lost"])


def test_a_shards_end_is_checkpointed_without_a_position(begin: Begin) -> None:
    daemon = begin("actors:Parting")
    assert daemon.ask("shardEnded") == [(None, None)]
    assert (daemon.close(), daemon.ledger) == (0, ["ended"])


def test_records_after_a_requested_shutdown_are_still_answered(begin: Begin) -> None:
    daemon = begin("actors:Parting")
    daemon.ask("shutdownRequested")
    assert daemon.records(record("18", b"late")) == [("18", 0)]


def test_a_dead_daemon_is_left_quietly(begin: Begin) -> None:
    daemon = begin("stock:Ledger")
    daemon.records(record("1", b"a"))
    assert (daemon.close(), daemon.last_words) == (0, [])


def test_a_line_cut_short_by_the_daemons_death_is_not_processed(begin: Begin) -> None:
    daemon = begin("stock:Ledger")
    line = json.dumps({"action": "processRecords", "records": [record("1", b"a")]})
    daemon.write(line.encode())
    assert (daemon.close(), daemon.ledger) == (0, [])


def test_a_daemon_that_dies_in_a_checkpoint_ends_even_a_stubborn_processor(begin: Begin) -> None:
    daemon = begin("actors:Stubborn")
    daemon.say({"action": "processRecords", "records": [], "millisBehindLatest": 0})
    assert (daemon.hear() or {})["action"] == "checkpoint"
    assert (daemon.close(), daemon.ledger) == (0, [])


def test_a_message_of_another_kind_in_a_checkpoint_is_an_invalid_state(begin: Begin) -> None:
    daemon = begin("actors:Stubborn")
    daemon.say({"action": "processRecords", "records": [], "millisBehindLatest": 0})
    daemon.hear()
    daemon.say({"action": "leaseLost"})
    daemon.hear()
    assert daemon.ledger == ["'InvalidStateException'"]


def test_what_a_processor_prints_never_reaches_the_daemon(begin: Begin) -> None:
    daemon = begin("actors:Chatterbox")
    assert daemon.records(record("1", b"a")) == [("1", 0)]
    assert [heard["action"] for heard in daemon.heard] == ["status", "checkpoint", "status"]
    assert daemon.stderr.count("responseFor") == 3


def test_an_exception_ends_the_process_without_an_answer(begin: Begin) -> None:
    daemon = begin("actors:Stumbler")
    daemon.say({"action": "processRecords", "records": [record("1", b"a")]})
    assert (daemon.hear(), daemon.code()) == (None, 1)


def test_an_exception_leaves_its_shard_and_sentence_as_last_words(begin: Begin) -> None:
    daemon = begin("actors:Stumbler")
    daemon.say({"action": "processRecords", "records": [record("1", b"a")]})
    daemon.code()
    assert daemon.last_words == [f"{SHARD}: ValueError: 1 records are too many"]


def test_last_words_need_no_stderr(tmp_path: Path) -> None:
    unread, broken = os.pipe()
    os.close(unread)
    daemon = FakeDaemon(tmp_path, "actors:Stumbler", stderr=broken)
    os.close(broken)
    daemon.initialize()
    daemon.say({"action": "processRecords", "records": []})
    assert daemon.code() == 1
    assert daemon.last_words == [f"{SHARD}: ValueError: 0 records are too many"]
    daemon.kill()


def test_a_processor_that_exits_ends_its_process_as_failed(begin: Begin) -> None:
    daemon = begin("actors:Quitter")
    daemon.say({"action": "processRecords", "records": []})
    assert (daemon.hear(), daemon.code()) == (None, 1)
    assert daemon.last_words == [f"{SHARD}: SystemExit: 0"]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"\xff\xfe\n"[:-1],
        b"[]",
        b'{"action":"processRecords"}',
        b'{"action":"processRecords","records":[{"data":"!","partitionKey":"k"}]}',
        b'{"action":"processRecords","records":[{"data":"YQ==","sequenceNumber":"1"}]}',
        b'{"action":"processRecords","records":[{"partitionKey":"k","sequenceNumber":1}]}',
        b'{"action":"unheardOf"}',
        b'{"action":"shutdown","reason":"ZOMBIE"}',
        b'{"action":"checkpoint","sequenceNumber":"1","subSequenceNumber":0}',
    ],
)
def test_a_message_that_cannot_be_read_stops_the_shard(begin: Begin, line: bytes) -> None:
    daemon = begin("stock:Ledger")
    daemon.write(line + b"\n")
    assert (daemon.hear(), daemon.code()) == (None, 1)
    assert "the daemon's message cannot be read" in daemon.last_words[0]


def test_a_talk_that_does_not_begin_with_initialize_is_refused(tmp_path: Path) -> None:
    daemon = FakeDaemon(tmp_path, "stock:Ledger")
    daemon.say({"action": "leaseLost"})
    assert (daemon.hear(), daemon.code()) == (None, 1)
    assert "before initialize" in daemon.last_words[0]
    daemon.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_the_daemons_business(begin: Begin, number: int) -> None:
    daemon = begin("stock:Ledger")
    daemon.child.send_signal(number)
    assert daemon.records(record("1", b"a")) == [("1", 0)]
