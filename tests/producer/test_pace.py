"""Ticks leave when their event times are due, and no clock but the injected one is read."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from producer.clock import until_signalled
from producer.pace import paced
from producer.source import Ticks
from tests.producer.conftest import SleptClock


def at(*seconds: float) -> Ticks:
    rows = [{"symbol": "A", "n": n} for n in range(len(seconds))]
    return Ticks(rows, np.array([int(s * 1e6) for s in seconds], dtype=np.int64))


def released(ticks: Ticks, speed: float | None, clock: SleptClock) -> list[tuple[float, int]]:
    """When, in seconds since the start, how many ticks left."""
    began = clock.time
    return [(round(clock.time - began, 2), len(part)) for part in paced([ticks], speed, clock)]


def test_ticks_leave_at_the_markets_own_pace(clock: SleptClock) -> None:
    assert released(at(100, 100, 100.5, 102), 1, clock) == [(0, 2), (0.5, 1), (2, 1)]


def test_a_minute_passes_in_a_second_at_speed_60(clock: SleptClock) -> None:
    assert released(at(0, 60, 180), 60, clock) == [(0, 1), (1, 1), (3, 1)]


def test_without_a_speed_all_ticks_leave_at_once(clock: SleptClock) -> None:
    assert released(at(0, 60, 3600), None, clock) == [(0, 3)]


def test_a_late_tick_leaves_with_the_one_before_it(clock: SleptClock) -> None:
    assert released(at(10, 12, 5, 13), 1, clock) == [(0, 1), (2, 2), (3, 1)]


def test_a_publisher_that_lags_behind_gets_all_that_is_due(clock: SleptClock) -> None:
    parts = paced([at(0, 1, 2, 3, 9)], 1, clock)
    next(parts)
    clock.time += 3
    assert len(next(parts)) == 3


def test_pace_goes_on_from_one_batch_to_the_next(clock: SleptClock) -> None:
    began = clock.time
    times = [clock.time - began for _ in paced([at(0), at(1), at(3)], 1, clock)]
    assert times == pytest.approx([0, 1, 3])


def test_a_wish_to_stop_ends_the_wait(clock: SleptClock) -> None:
    clock.stop_after = 2
    assert released(at(0, 3600), 1, clock) == [(0, 1)]
    assert len(clock.slept) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_interrupts(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with until_signalled() as clock:
        assert not clock.stopped()
        os.kill(os.getpid(), number)
        clock.wait(3600)
        assert clock.stopped()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before
