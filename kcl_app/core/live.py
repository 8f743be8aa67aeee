"""Bars as they change, and when they are closed: for hot sinks.

Rules:
1. A symbol's watermark is its newest event time less the lateness that is allowed. A
   symbol that nothing came for, by arrival, for ``idle`` has the shard's newest arrival
   less the lateness. It never runs backwards, and no other symbol's ticks move it.
2. A bar is closed once the watermark reaches its end. A tick that comes later closes it
   again with its new value: the last word on a bar is its value.
3. What was said is kept in the state, so a restart says nothing twice that it knows of.
   A call says what it holds as a whole: how often a bar is told depends on the calls, what
   is told last does not. The lake's bars need none of this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kcl_app.core import bars
from kcl_app.core.bars import KEPT, NEVER, Cutful
from kcl_app.core.columns import Array, Columns
from kcl_app.core.exchange import LocalClock
from kcl_app.core.parts import Parts
from kcl_app.core.state import Field, State
from kcl_app.core.windows import Lane, Windows

LEAD = "live."
_NEWEST = Field("live.newest", "i8", NEVER)
_ARRIVAL = Field("live.arrival", "i8", NEVER)


@dataclass(frozen=True, slots=True)
class Watermark:
    """Allowed lateness by event time and idleness by arrival, in microseconds."""

    lateness: int
    idle: int


@dataclass(frozen=True, slots=True)
class Live:
    """Bars by interval, in the columns of the table ``bars``: those that a call touched and
    left open, and those that are closed by now."""

    current: dict[str, Columns] = field(default_factory=dict)
    closed: dict[str, Columns] = field(default_factory=dict)


def live_fields(windows: Sequence[Windows]) -> tuple[Field, ...]:
    """Memory that live bars need besides the lake's."""
    marks = [
        Field(f"{LEAD}{lane.key}.{name}", "i8", fill, KEPT)
        for window in windows
        for lane in window.lanes
        for name, fill in (("told_start", NEVER), ("told_ticks", 0))
    ]
    stored = [f for window in windows for f in bars.bar_fields(window, LEAD)]
    return (_NEWEST, _ARRIVAL, *stored, *marks)


def newest_arrival(state: State) -> int:
    """The latest arrival that the state knows of."""
    return int(state.known(_ARRIVAL.name).max(initial=0))


def hear(
    slots: Array,
    ticks: Columns,
    state: State,
    windows: Sequence[Windows],
    watermark: Watermark,
    clock: LocalClock,
    arrival: int,
) -> Live:
    """What a call's ticks change. ``arrival`` is the shard's newest; the call may be empty."""
    np.maximum.at(state[_NEWEST.name], slots, ticks["timestamp"])
    np.maximum.at(state[_ARRIVAL.name], slots, ticks["arrival"])
    reached = _watermarks(state, watermark, arrival)
    cut = Cutful(slots, ticks) if ticks.size else None
    live = Live()
    for window in windows:
        told = [_lane(cut, state, lane, reached) for lane in window.lanes]
        for into, which in ((live.current, 0), (live.closed, 1)):
            rows = Columns.joined([p.columns(state, clock) for pair in told for p in pair[which]])
            if rows.size:
                into[window.name] = rows
    return live


def _watermarks(state: State, watermark: Watermark, arrival: int) -> Array:
    """Each symbol's watermark."""
    newest, seen = state.known(_NEWEST.name), state.known(_ARRIVAL.name)
    idle = (newest != NEVER) & (arrival - seen >= watermark.idle)
    reached: Array = np.where(idle, np.maximum(newest, arrival), newest)
    return np.where(newest == NEVER, NEVER, reached - watermark.lateness)


def _lane(
    cut: Cutful | None, state: State, lane: Lane, reached: Array
) -> tuple[list[Parts], list[Parts]]:
    """Open and closed bars of a lane: kept ones that the call doesn't touch, then touched ones."""
    key = f"{LEAD}{lane.key}"
    touched = bars.touched(cut, state, lane, key) if cut else np.zeros(0, dtype=np.int64)
    waiting = _passed(state, lane, key, reached)
    kept = bars.kept(state, lane, key, np.setdiff1d(waiting, touched))
    _mark(state, lane, key, kept)
    if cut is None:
        return [kept[kept.slot < 0]], [kept]
    fresh = bars.advance(cut, state, lane, key)
    over = fresh.end <= reached[fresh.slot]
    _mark(state, lane, key, fresh[over])
    return [fresh[~over]], [kept, fresh[over]]


def _passed(state: State, lane: Lane, key: str, reached: Array) -> Array:
    """Places of kept windows that the watermark has reached and nobody was told of."""
    start, last, ticks = (state.known(f"{key}.{n}") for n in ("start", "last_at", "ticks"))
    told = state.known(f"{key}.told_start") == start
    told &= state.known(f"{key}.told_ticks") == ticks
    passed = (start != NEVER) & ~told & (lane.ends(start, last) <= reached[:, None])
    return np.flatnonzero(passed.reshape(-1))


def _mark(state: State, lane: Lane, key: str, parts: Parts) -> None:
    """Remember that these were told as closed."""
    place = bars.find(state, key, lane, parts)
    rows = np.flatnonzero(place >= 0)
    for name, column in (("told_start", parts.start), ("told_ticks", parts.ticks)):
        state[f"{key}.{name}"].reshape(-1)[place[rows]] = column[rows]
