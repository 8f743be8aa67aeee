"""Bars: what the ticks of a cut add to their windows.

Rules:
1. A bar follows from its ticks alone: open and close by event time (ties by position),
   high and low, and exact sums. No watermark, nothing is ever too late.
2. The state keeps each symbol's newest windows. A tick for a window that left opens
   another part of it, named by that tick's position; parts of a window add up:
   open of the smallest (first_at, part), close of the largest (last_at, part), highest
   high, lowest low, sums of volume, notional and ticks.
3. Each cut writes every part that it touched once, with the next revision.
4. The quote's open, high and low are the day's and stay out; a bar's take part.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from kcl_app.core import padded
from kcl_app.core.columns import Array, Columns
from kcl_app.core.exact import PRICE_UNITS, Wide, counted
from kcl_app.core.exchange import LocalClock
from kcl_app.core.parts import Parts
from kcl_app.core.runs import changes
from kcl_app.core.state import Field, State
from kcl_app.core.windows import Lane, Windows

KEPT = 2
"""Windows that the state keeps of each symbol and interval."""

NEVER = np.iinfo(np.int64).min
_FULL = 1 << 60
"""A part whose notional reaches this times 2**64 is closed, well below 10**38."""

_STORED: tuple[tuple[str, str, object], ...] = (
    ("start", "i8", NEVER),
    ("open", "f8", np.nan),
    ("high", "f8", np.nan),
    ("low", "f8", np.nan),
    ("close", "f8", np.nan),
    ("first_at", "i8", 0),
    ("last_at", "i8", 0),
    ("ticks", "i8", 0),
    ("revision", "i4", 0),
    ("volume_hi", "i8", 0),
    ("volume_lo", "u8", 0),
    ("notional_hi", "i8", 0),
    ("notional_lo", "u8", 0),
    ("part", padded.ROW, b""),
)


def bar_fields(windows: Windows, lead: str = "") -> tuple[Field, ...]:
    """Memory that the bars of these windows need, under names that begin with ``lead``."""
    return tuple(
        Field(f"{lead}{lane.key}.{name}", kind, fill, KEPT)
        for lane in windows.lanes
        for name, kind, fill in _STORED
    )


class Cutful:
    """The ticks of a cut in order of (symbol, event time, position), ready for any windows."""

    def __init__(self, slots: Array, ticks: Columns) -> None:
        self._ticks = ticks
        self._order = _by_time(slots, ticks["timestamp"])
        self._slots = slots[self._order]
        self._at = ticks["timestamp"][self._order]
        self._price = ticks["price"][self._order]
        self._open, self._high, self._low = self._ranges()
        amounts = ticks["traded"][self._order]
        prices = counted(self._price, PRICE_UNITS)
        self._volume, self._notional = Wide.of(amounts), Wide.product(prices, amounts)

    def _ranges(self) -> tuple[Array, Array, Array]:
        """Open, high and low of each tick; its price, but for bars that have their own."""
        bar = (self._ticks["kind"] == "bar")[self._order]
        if not bar.any():
            return self._price, self._price, self._price
        given = {n: self._ticks[n][self._order] for n in ("open", "high", "low")}
        own = {n: np.where(bar & ~np.isnan(v), v, self._price) for n, v in given.items()}
        highest = np.maximum(np.maximum(own["high"], own["open"]), self._price)
        lowest = np.minimum(np.minimum(own["low"], own["open"]), self._price)
        return own["open"], highest, lowest

    def parts(self, lane: Lane) -> Parts:
        """One new part for each window that the ticks touch; ``part`` is its opener's row."""
        first, start, end = lane.groups(changes(self._slots), self._at)
        last = np.append(first[1:], len(self._at)) - 1
        opener = np.minimum.reduceat(self._order, first)
        return Parts(
            slot=self._slots[first],
            start=start,
            end=end,
            open=self._open[first],
            high=np.maximum.reduceat(self._high, first),
            low=np.minimum.reduceat(self._low, first),
            close=self._price[last],
            first_at=self._at[first],
            last_at=self._at[last],
            ticks=last - first + 1,
            revision=np.ones(len(first), dtype=np.int32),
            volume=self._volume.sums(first),
            notional=self._notional.sums(first),
            part=opener,
        )

    def name(self, openers: Array) -> Array:
        """The names of parts that the ticks at these rows open."""
        return padded.rows(*(self._ticks[n][openers] for n in ("sequence", "sub_sequence", "line")))


def close(
    cut: Cutful, state: State, windows: Windows, clock: LocalClock, lead: str = ""
) -> Columns:
    """The bars that a cut touched, at their value after it; advances the state."""
    said = []
    for lane in windows.lanes:
        key = f"{lead}{lane.key}"
        parts = advance(cut, state, lane, key, *fresh(cut, state, lane, key))
        said.append(parts.columns(state, clock))
    return Columns.joined(said)


def fresh(cut: Cutful, state: State, lane: Lane, key: str) -> tuple[Parts, Array]:
    """One new part for each window that the ticks touch, and where the state keeps it."""
    parts = cut.parts(lane)
    return parts, find(state, key, lane, parts)


def kept(state: State, lane: Lane, key: str, places: Array) -> Parts:
    """The windows that the state keeps at these places."""
    start, last = _flat(state, key, "start")[places], _flat(state, key, "last_at")[places]
    return _read(state, key, places // KEPT, lane.ends(start, last), places)


def advance(cut: Cutful, state: State, lane: Lane, key: str, fresh: Parts, place: Array) -> Parts:
    """The parts that the ticks touched, at their value after them; advances the state."""
    known = np.flatnonzero(place >= 0)
    old = kept(state, lane, key, place[known])
    room = old.notional.hi < _FULL
    known, old = known[room], old[room]
    new = np.ones(len(fresh), dtype=bool)
    new[known] = False
    part = np.empty(len(fresh), dtype=padded.ROW)
    part[new] = cut.name(fresh.part[new])
    part[known] = old.part
    merged = _put(replace(fresh, part=part), known, fresh[known].after(old))
    _write(state, key, merged, place, np.flatnonzero(place >= 0))
    _admit(state, key, merged, np.flatnonzero(place < 0))
    return merged


def _by_time(slots: Array, at: Array) -> Array:
    order = np.argsort(at, kind="stable")
    small = slots.astype(np.uint16) if slots.max(initial=0) < 1 << 16 else slots
    rows: Array = order[np.argsort(small[order], kind="stable")]
    return rows


def _flat(state: State, key: str, name: str) -> Array:
    return state[f"{key}.{name}"].reshape(-1)


def find(state: State, key: str, lane: Lane, fresh: Parts) -> Array:
    """Where the state keeps each part's window, as an index into flat columns; else -1.

    Where two new parts touch one kept window, the first goes on with it. Of two kept ones
    that overlap the one opened later goes on: so of equal event times the later position
    lies in the part of the greater name, which is how a reader tells close from open.
    """
    start, last = _flat(state, key, "start"), _flat(state, key, "last_at")
    place = np.full(len(fresh), -1)
    for k in range(KEPT):
        here = fresh.slot * KEPT + k
        same = lane.same(fresh.start, fresh.end, start[here], last[here])
        if lane.moving and k:
            part = _flat(state, key, "part")
            same &= (place < 0) | (part[here] > part[place])
        place = np.where(same, here, place)
    if not lane.moving:
        return place
    _, firsts = np.unique(place, return_index=True)
    alone = np.full(len(fresh), -1)
    alone[firsts] = place[firsts]
    return alone


def where(state: State, key: str, lane: Lane, parts: Parts) -> Array:
    """Where the state keeps these very parts, as an index into flat columns; else -1."""
    name = "part" if lane.moving else "start"
    kept, own = _flat(state, key, name), getattr(parts, name)
    place = np.full(len(parts), -1)
    for k in range(KEPT):
        here = parts.slot * KEPT + k
        place = np.where(kept[here] == own, here, place)
    return place


def _read(state: State, key: str, slots: Array, ends: Array, at: Array) -> Parts:
    stored = {name: _flat(state, key, name)[at] for name, _, _ in _STORED}
    volume = Wide(stored.pop("volume_hi"), stored.pop("volume_lo"))
    notional = Wide(stored.pop("notional_hi"), stored.pop("notional_lo"))
    return Parts(slot=slots, end=ends, volume=volume, notional=notional, **stored)


def _write(state: State, key: str, parts: Parts, place: Array, rows: Array) -> None:
    at = place[rows]
    wide = {"volume": parts.volume, "notional": parts.notional}
    for name, _, _ in _STORED:
        lead, _, half = name.rpartition("_")
        column = getattr(wide[lead], half) if lead in wide else getattr(parts, name)
        _flat(state, key, name)[at] = column[rows]


def _admit(state: State, key: str, parts: Parts, rows: Array) -> None:
    """Keep the newest windows of each symbol, by start; older ones leave."""
    kept = state[f"{key}.start"]
    from_end = _from_end(parts.slot[rows])
    for nth in range(KEPT - 1, -1, -1):
        some = rows[from_end == nth]
        slots = parts.slot[some]
        oldest = np.argmin(kept[slots], axis=1)
        newer = parts.start[some] > kept[slots, oldest]
        place = np.full(len(parts), -1)
        place[some] = slots * KEPT + oldest
        _write(state, key, parts, place, some[newer])


def _from_end(slots: Array) -> Array:
    """How many rows of the same slot follow each; slots lie in runs."""
    if not len(slots):
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(changes(slots))
    ends = np.append(starts[1:], len(slots)) - 1
    lengths = np.diff(np.append(starts, len(slots)))
    rows: Array = np.repeat(ends, lengths) - np.arange(len(slots))
    return rows


def _put(parts: Parts, rows: Array, values: Parts) -> Parts:
    """``parts`` with ``values`` in the given rows."""
    changed: dict[str, Any] = {}
    for field in fields(parts):
        into, new = getattr(parts, field.name), getattr(values, field.name)
        if isinstance(into, Wide):
            hi, lo = into.hi.copy(), into.lo.copy()
            hi[rows], lo[rows] = new.hi, new.lo
            changed[field.name] = Wide(hi, lo)
        else:
            column = into.copy()
            column[rows] = new
            changed[field.name] = column
    return Parts(**changed)
