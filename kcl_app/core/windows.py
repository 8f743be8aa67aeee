"""Which windows a time lies in.

Rules:
1. Windows follow from the event time and the settings alone, never from arrival.
2. Tumbling windows of a day's divisors lie behind one another from midnight UTC on; with
   a calendar they count from each opening and each close, and the last one before the
   next of these ends there. So a session's windows never mix with those around it, a half
   day has a short last one, and every time lies in exactly one.
3. Hopping windows are ``width / hop`` lanes of tumbling ones, each a hop behind the last.
4. A gap window holds a symbol's ticks until none comes for so long, by event time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

import numpy as np

from kcl_app.core.columns import Array
from kcl_app.core.event_time import DAY, SECOND
from kcl_app.core.runs import changes

_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}
_SPAN = r"([1-9]\d{0,4}[smhd])"
_TUMBLING = re.compile(_SPAN)
_HOPPING = re.compile(f"{_SPAN}_{_SPAN}")
_GAP = re.compile(f"gap{_SPAN}")
_NEVER = np.iinfo(np.int64).max


class Lane(Protocol):
    """Windows that don't overlap. ``key`` names what the state keeps of them."""

    @property
    def key(self) -> str: ...

    @property
    def moving(self) -> bool:
        """Whether begin and end follow the ticks, the end at one distance to the last."""

    @property
    def width(self) -> int:
        """Microseconds that a window has at most, or the gap that ends it."""

    def groups(self, fresh: Array, at: Array) -> tuple[Array, Array, Array]:
        """First rows, begins and ends of the windows that sorted times touch.

        ``fresh`` is true where another symbol begins; ends are exclusive.
        """

    def same(self, start: Array, end: Array, kept_start: Array, kept_last: Array) -> Array:
        """Whether a kept window (its begin, its last tick) is the touched one."""

    def ends(self, kept_start: Array, kept_last: Array) -> Array:
        """Ends of kept windows."""

    def left(self, at: Array, newest: Array) -> Array:
        """Whether each time's window lies before that of the newest time and the one before
        it; False where that cannot be said of a time alone."""


class Windows(Protocol):
    """A configured kind of window; ``name`` is the bars' interval."""

    @property
    def name(self) -> str: ...

    @property
    def lanes(self) -> Sequence[Lane]: ...


@dataclass(frozen=True, eq=False)
class Tumbling:
    """Windows of equal width, one behind the other. ``edges`` are a calendar's openings and
    closes, ascending UTC microseconds; empty is midnight UTC."""

    name: str
    width: int
    edges: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    offset: int = 0
    lane: str = ""
    moving: ClassVar[bool] = False

    @property
    def key(self) -> str:
        return self.name + self.lane

    @property
    def lanes(self) -> Sequence[Lane]:
        return (self,)

    def bounds(self, at: Array) -> tuple[Array, Array]:
        """Begin (inclusive) and end (exclusive) of each time's window."""
        if not len(self.edges):
            starts = at - (at - self.offset) % self.width
            return starts, starts + self.width
        behind = np.searchsorted(self.edges, at, side="right")
        padded = np.concatenate([[0], self.edges, [_NEVER]])
        starts = at - (at - padded[behind]) % self.width
        return starts, np.minimum(starts + self.width, padded[behind + 1])

    def groups(self, fresh: Array, at: Array) -> tuple[Array, Array, Array]:
        starts, ends = self.bounds(at)
        first = np.flatnonzero(fresh | changes(starts))
        return first, starts[first], ends[first]

    def same(self, start: Array, end: Array, kept_start: Array, kept_last: Array) -> Array:
        same: Array = kept_start == start
        return same

    def ends(self, kept_start: Array, kept_last: Array) -> Array:
        return self.bounds(kept_start)[1]

    def left(self, at: Array, newest: Array) -> Array:
        before = self.bounds(self.bounds(newest)[0] - 1)[0]
        left: Array = self.bounds(at)[0] < before
        return left


@dataclass(frozen=True)
class Hopping:
    """Windows of ``width`` that begin every ``hop``; each tick lies in width / hop of them."""

    name: str
    width: int
    hop: int

    @property
    def lanes(self) -> Sequence[Lane]:
        return [
            Tumbling(self.name, self.width, offset=place * self.hop, lane=f".{place}")
            for place in range(self.width // self.hop)
        ]


@dataclass(frozen=True)
class Gap:
    """Windows that a silence of ``gap`` ends: ``start`` is the first tick, ``end`` the last
    one's time plus the gap. Parts that overlap are one window: a late tick may join two."""

    name: str
    gap: int
    moving: ClassVar[bool] = True

    @property
    def key(self) -> str:
        return self.name

    @property
    def width(self) -> int:
        return self.gap

    @property
    def lanes(self) -> Sequence[Lane]:
        return (self,)

    def groups(self, fresh: Array, at: Array) -> tuple[Array, Array, Array]:
        silent = np.zeros(len(at), dtype=bool)
        silent[1:] = np.diff(at) >= self.gap
        first = np.flatnonzero(fresh | silent)
        last = np.append(first[1:], len(at)) - 1
        return first, at[first], at[last] + self.gap

    def same(self, start: Array, end: Array, kept_start: Array, kept_last: Array) -> Array:
        there = kept_start != np.iinfo(np.int64).min
        overlap: Array = there & (start < kept_last + self.gap) & (kept_start < end)
        return overlap

    def ends(self, kept_start: Array, kept_last: Array) -> Array:
        ends: Array = kept_last + self.gap
        return ends

    def left(self, at: Array, newest: Array) -> Array:
        return np.zeros(len(at), dtype=bool)


def window(name: str, edges: Array | None = None) -> Windows:
    """The windows of a name: ``5m`` tumbling, ``1h_5m`` an hour wide and every five minutes,
    ``gap30m`` until 30 minutes pass without a tick. ``edges`` align the first kind.

    Raises ValueError where it is no such name.
    """
    if _TUMBLING.fullmatch(name) and DAY % span(name) == 0:
        return Tumbling(name, span(name)) if edges is None else Tumbling(name, span(name), edges)
    if (found := _HOPPING.fullmatch(name)) is not None:
        width, hop = span(found.group(1)), span(found.group(2))
        if DAY % width == 0 and width % hop == 0 and 1 < width // hop <= 60:
            return Hopping(name, width, hop)
    if (found := _GAP.fullmatch(name)) is not None:
        return Gap(name, span(found.group(1)))
    raise ValueError(
        f"interval {name!r}: write one that divides a day (30s, 1m, 5m, 1h, 1d), a width and a "
        "hop that divides it (1h_5m, at most 60 hops), or a silence that ends it (gap30m)"
    )


def span(text: str) -> int:
    """Microseconds of a length of time such as ``30s``, ``5m``, ``1h``, ``1d``."""
    return int(text[:-1]) * _UNITS[text[-1]]
