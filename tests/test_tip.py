"""A silent shard: which arrival is proven when calls come empty."""

from __future__ import annotations

from dataclasses import dataclass

from kcl_app.tip import READY, Tip

NOON = 1_738_333_800_000_000
SECOND = 1_000_000


@dataclass
class Clock:
    at: float = 1_000.0

    def __call__(self) -> float:
        return self.at


def silence(tip: Tip, clock: Clock, calls: int, apart: float = 1.0) -> int | None:
    """What the last of so many empty calls proves."""
    proven = None
    for _ in range(calls):
        clock.at += apart
        proven = tip.empty(at_tip=True)
    return proven


def test_what_is_proven_is_the_moment_before_all_calls_that_may_have_been_ready() -> None:
    clock = Clock()
    tip = Tip(0, clock)
    tip.read(NOON)
    assert silence(tip, clock, READY - 1) is None
    assert silence(tip, clock, 1) == NOON + 1 * SECOND
    assert silence(tip, clock, 1) == NOON + 2 * SECOND


def test_a_call_that_is_behind_proves_nothing() -> None:
    clock = Clock()
    tip = Tip(NOON, clock)
    silence(tip, clock, READY - 1)
    assert tip.empty(at_tip=False) is None
    assert silence(tip, clock, READY - 1) is None


def test_records_end_a_silence() -> None:
    clock = Clock()
    tip = Tip(NOON, clock)
    silence(tip, clock, READY)
    tip.read(NOON + 5 * SECOND)
    assert silence(tip, clock, READY - 1) is None


def test_a_worker_that_starts_into_a_silence_counts_it_from_its_start() -> None:
    clock = Clock()
    assert silence(Tip(NOON, clock), clock, READY) == NOON + SECOND


def test_a_record_that_waited_in_the_stream_moves_the_time_by_no_more_than_it_proves() -> None:
    """The one read second arrived ten minutes before, but the first proved more by then."""
    clock = Clock()
    tip = Tip(0, clock)
    tip.read(NOON)
    clock.at += 600
    tip.read(NOON)
    assert silence(tip, clock, READY) == NOON + 601 * SECOND


def test_a_shard_that_never_had_a_record_proves_nothing() -> None:
    clock = Clock()
    assert silence(Tip(0, clock), clock, READY) is None
