"""Final bars do not depend on resharding, and the properties notice bars that are broken."""

from itertools import count, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow
from tests.core.tape import cuttings, merged, placed_at, rules, tapes

INTERVALS = ("1m", "1h")


class Road:
    """A flow whose every cut is closed, and all bar rows that it wrote."""

    def __init__(self, kind: Any, *bodies: bytes) -> None:
        self.flow = kind.restore("shard", rules(*INTERVALS), bodies)
        self.rows: dict[str, list[Columns]] = {name: [] for name in INTERVALS}

    def cut(self, ticks: Columns) -> None:
        for interval, bars in self.flow.close(self.flow.feed(ticks).ticks).items():
            self.rows[interval].append(bars)


def final(*roads: Road) -> Any:
    """The final bars of all that the roads wrote."""
    every = {name: [rows for road in roads for rows in road.rows[name]] for name in INTERVALS}
    return {name: merged(Columns.joined(rows)) for name, rows in every.items() if rows}


def unbroken(tape: Columns) -> Any:
    road = Road(Flow)
    road.cut(tape)
    return final(road)


def restarted(kind: Any, tape: Columns, cuts: Any) -> Any:
    """Final bars with a cut and a restart at each of the places."""
    roads = [Road(kind)]
    for a, b in pairwise([0, *cuts, tape.size]):
        roads[-1].cut(tape.slice(a, b))
        roads.append(Road(kind, roads[-1].flow.snapshot()))
    return final(*roads)


def resharded(kind: Any, tape: Columns, split: int, merge: int) -> Any:
    """Final bars with two shards from ``split`` to ``merge``, one before and one after."""
    parent = Road(kind)
    parent.cut(tape.slice(0, split))
    left = np.array([sum(s.encode()) % 2 == 0 for s in tape["symbol"].tolist()], dtype=bool)
    middle = np.arange(split, merge)
    children = [Road(kind, parent.flow.snapshot()) for _ in range(2)]
    for child, side in zip(children, (left, ~left), strict=True):
        child.cut(tape.take(middle[side[split:merge]]))
    last = Road(kind, *(child.flow.snapshot() for child in children))
    last.cut(tape.slice(merge, tape.size))
    return final(parent, *children, last)


@given(tapes(), st.floats(0, 1), st.floats(0, 1))
def test_a_split_and_a_merge_of_shards_change_no_final_bar(
    tape: Any, split: Any, merge: Any
) -> None:
    first, second = placed_at(tape, [split, merge])
    assert resharded(Flow, tape, first, second) == unbroken(tape)


class EmptiedBars(Flow):
    """Broken: its snapshot knows that there were bars, but not what traded in them."""

    def snapshot(self) -> Any:
        half = self.copy()
        half._state["1m.volume_lo"][:] = 0
        half._state["1m.ticks"][:] = 0
        return Flow.snapshot(half)


class UnsavedTotals(Flow):
    """Broken: its snapshot lacks the day's running totals of quotes."""

    def snapshot(self) -> Any:
        half = self.copy()
        half._state["total"][:] = 0
        return Flow.snapshot(half)


class Unrevised(Flow):
    """Broken: its snapshot lacks how often each bar was written."""

    def snapshot(self) -> Any:
        half = self.copy()
        half._state["1m.revision"][:] = 0
        return Flow.snapshot(half)


class WallClock(Flow):
    """Broken: a window is over when the host's clock says so; later ticks do not count."""

    clock = count(1_738_333_800_000_000, 90_000_000)

    def close(self, ticks: Any) -> Any:
        return super().close(ticks.take(ticks["timestamp"] >= next(self.clock)))


BROKEN = [EmptiedBars, UnsavedTotals, Unrevised, WallClock]


@pytest.mark.parametrize("broken", BROKEN)
def test_restarts_catch_bars_that_are_broken(broken: Any) -> None:
    tape, shares = find(
        st.tuples(tapes(2, 60), cuttings()),
        lambda case: restarted(broken, case[0], placed_at(*case)) != unbroken(case[0]),
        settings=settings(max_examples=1000, derandomize=True, phases=[Phase.generate]),
    )
    assert restarted(Flow, tape, placed_at(tape, shares)) == unbroken(tape)


@pytest.mark.parametrize("broken", BROKEN)
def test_resharding_catches_bars_that_are_broken(broken: Any) -> None:
    tape, split, merge = find(
        st.tuples(tapes(6, 60), st.floats(0, 1), st.floats(0, 1)),
        lambda case: resharded(broken, case[0], *placed_at(case[0], case[1:])) != unbroken(case[0]),
        settings=settings(max_examples=1000, derandomize=True, phases=[Phase.generate]),
    )
    assert resharded(Flow, tape, *placed_at(tape, [split, merge])) == unbroken(tape)
