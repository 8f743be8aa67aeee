"""Bars as they change, and when they are closed: for hot sinks.

Rules:
1. A symbol's watermark is its newest event time less the lateness that is allowed. A
   symbol that nothing came for, by arrival, for ``idle`` has the shard's newest arrival
   less the lateness. No other symbol's ticks move it.
2. A bar is closed once the watermark reaches its end, or two newer windows of its symbol
   have begun. It stays closed: a tick that comes later closes it again with its new value.
   (Only a gap window opens again, where a tick after a silence makes it longer.)
3. A tick for a window that lies before its symbol's two newest is too late for hot sinks:
   the lake has it. So a bar is one row here, never parts.
4. What was said is kept in the state, so a restart says nothing twice that it knows of.
   A call says what it holds as a whole: how often a bar is told depends on the calls, what
   is told last does not. The lake's bars need none of this.
5. A call looks at the symbols that it has, and at those that silence may have closed a bar
   of: ``until`` is the earliest end of a symbol's bars that nobody was told of as closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kcl_app.core import bars
from kcl_app.core.bars import KEPT, NEVER, Cutful
from kcl_app.core.columns import Array, Columns
from kcl_app.core.event_time import SECOND
from kcl_app.core.exchange import LocalClock
from kcl_app.core.parts import Parts
from kcl_app.core.state import Field, State
from kcl_app.core.windows import Lane, Windows

LEAD = "live."
FOREVER = np.iinfo(np.int64).max
_NEWEST = Field("live.newest", "i8", NEVER)
_ARRIVAL = Field("live.arrival", "i8", NEVER)
_UNTIL = Field("live.until", "i8", NEVER)


@dataclass(frozen=True, slots=True)
class Watermark:
    """Allowed lateness by event time and idleness by arrival, in microseconds."""

    lateness: int
    idle: int


@dataclass(frozen=True, slots=True)
class Live:
    """Bars by interval, in the columns of the table ``bars`` with ``sequence`` and
    ``sub_sequence`` of the symbol's last record: those that a call touched and left open,
    and those that are closed by now."""

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
    return (_NEWEST, _ARRIVAL, _UNTIL, *stored, *marks)


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
    heard = _heard(slots, state, watermark, arrival)
    reached = np.empty(len(state), dtype=np.int64)
    reached[heard] = _watermarks(heard, state, watermark, arrival)
    cut = Cutful(slots, ticks) if ticks.size else None
    until = np.full(len(heard), FOREVER)
    live = Live()
    for window in windows:
        said: tuple[list[Columns], list[Columns]] = ([], [])
        for lane in window.lanes:
            own = _in_time(cut, slots, ticks, lane)
            for rows, parts in zip(said, _lane(own, state, lane, heard, reached), strict=True):
                rows += [_columns(some, state, clock) for some in parts if len(some)]
            np.minimum(until, _until(state, lane, heard), out=until)
        for into, rows in zip((live.current, live.closed), said, strict=True):
            if rows:
                into[window.name] = Columns.joined(rows)
    state[_UNTIL.name][heard] = until
    return live


def _heard(slots: Array, state: State, watermark: Watermark, arrival: int) -> Array:
    """The symbols of the call, and those that a silence is over for; slots, ascending."""
    due = state.known(_UNTIL.name) <= arrival - watermark.lateness
    if due.any():
        due &= state.known(_ARRIVAL.name) <= arrival - watermark.idle
    due[slots] = True
    return np.flatnonzero(due)


def _watermarks(heard: Array, state: State, watermark: Watermark, arrival: int) -> Array:
    """The symbols' watermarks."""
    newest, seen = state[_NEWEST.name][heard], state[_ARRIVAL.name][heard]
    idle = (newest != NEVER) & (arrival - seen >= watermark.idle)
    reached: Array = np.where(idle, np.maximum(newest, arrival), newest)
    return np.where(newest == NEVER, NEVER, reached - watermark.lateness)


def _in_time(cut: Cutful | None, slots: Array, ticks: Columns, lane: Lane) -> Cutful | None:
    """The call without the ticks that rule 3 leaves out."""
    if cut is None:
        return None
    late = np.flatnonzero(ticks["late_seconds"] >= lane.width / SECOND)
    if not len(late):
        return cut
    at = ticks["timestamp"][late]
    behind = np.rint(ticks["late_seconds"][late] * SECOND).astype(np.int64)
    late = late[lane.left(at, at + behind)]
    if not len(late):
        return cut
    kept = np.delete(np.arange(ticks.size), late)
    return Cutful(slots[kept], ticks.take(kept)) if len(kept) else None


def _lane(
    cut: Cutful | None, state: State, lane: Lane, heard: Array, reached: Array
) -> tuple[list[Parts], list[Parts]]:
    """Open and closed bars of a lane: kept ones that the call doesn't touch, then touched ones."""
    key = f"{LEAD}{lane.key}"
    if cut is None:
        kept = bars.kept(state, lane, key, _passed(state, lane, key, heard, reached))
        _mark(state, lane, key, kept)
        return [], [kept]
    fresh, place = bars.fresh(cut, state, lane, key)
    newer = _newer(state, key, fresh, place)
    fresh, place = fresh[newer], place[newer]
    touched = place[place >= 0]
    waiting = _passed(state, lane, key, heard, reached)
    closed = [bars.kept(state, lane, key, np.setdiff1d(waiting, touched))]
    _mark(state, lane, key, closed[0])
    leaving = _untold(state, lane, key, np.setdiff1d(_beside(fresh, place), touched))
    over = fresh.end <= reached[fresh.slot]
    if not lane.moving:
        told = _flat(state, key, "told_start")
        over |= (place >= 0) & (told[place] == fresh.start)
    fresh = bars.advance(cut, state, lane, key, fresh, place)
    over |= bars.where(state, key, lane, fresh) < 0
    gone = bars.where(state, key, lane, leaving) < 0
    closed += [leaving[gone], fresh[over]]
    _mark(state, lane, key, fresh[over])
    return [fresh[~over]], closed


def _newer(state: State, key: str, fresh: Parts, place: Array) -> Array:
    """Whether parts are of kept windows, or newer than the older of two kept ones."""
    oldest = state[f"{key}.start"][fresh.slot].min(axis=1)
    newer: Array = (place >= 0) | (fresh.start > oldest)
    return newer


def _beside(fresh: Parts, place: Array) -> Array:
    """Places of the symbols that a new window begins of."""
    slots = np.unique(fresh.slot[place < 0])
    places: Array = (slots[:, None] * KEPT + np.arange(KEPT)).reshape(-1)
    return places


def _untold(state: State, lane: Lane, key: str, places: Array) -> Parts:
    """The kept windows at these places that nobody was told of as closed."""
    return bars.kept(state, lane, key, places[~_is_told(state, key, places)])


def _is_told(state: State, key: str, places: Array) -> Array:
    """Whether a window was told as closed with the value that it has, or there is none."""
    start, ticks = (_flat(state, key, name)[places] for name in ("start", "ticks"))
    told: Array = _flat(state, key, "told_start")[places] == start
    told &= (_flat(state, key, "told_ticks")[places] == ticks) | (start == NEVER)
    return told


def _ends(state: State, lane: Lane, key: str, places: Array) -> Array:
    start, last = (_flat(state, key, name)[places] for name in ("start", "last_at"))
    return np.where(start == NEVER, FOREVER, lane.ends(start, last))


def _places(heard: Array) -> Array:
    places: Array = (heard[:, None] * KEPT + np.arange(KEPT)).reshape(-1)
    return places


def _passed(state: State, lane: Lane, key: str, heard: Array, reached: Array) -> Array:
    """Places of kept windows that the watermark has reached and nobody was told of."""
    places = _places(heard)
    over = _ends(state, lane, key, places) <= reached[places // KEPT]
    places = places[over]
    untold: Array = places[~_is_told(state, key, places)]
    return untold


def _until(state: State, lane: Lane, heard: Array) -> Array:
    """The earliest end of each symbol's kept windows that nobody was told of."""
    key, places = f"{LEAD}{lane.key}", _places(heard)
    ends = np.where(_is_told(state, key, places), FOREVER, _ends(state, lane, key, places))
    until: Array = ends.reshape(-1, KEPT).min(axis=1, initial=FOREVER)
    return until


def _mark(state: State, lane: Lane, key: str, parts: Parts) -> None:
    """Remember that these were told as closed."""
    place = bars.where(state, key, lane, parts)
    rows = np.flatnonzero(place >= 0)
    for name, column in (("told_start", parts.start), ("told_ticks", parts.ticks)):
        _flat(state, key, name)[place[rows]] = column[rows]


def _flat(state: State, key: str, name: str) -> Array:
    return state[f"{key}.{name}"].reshape(-1)


def _columns(parts: Parts, state: State, clock: LocalClock) -> Columns:
    """As ``Live`` says: a row's position makes it newer or older than another of its bar."""
    place = {name: state[name][parts.slot] for name in ("sequence", "sub_sequence")}
    return parts.columns(state, clock).having(**place)
