"""Symbols that left memory: in which object the state of each lies.

Rules:
1. A symbol is in memory, or its newest entry here is its state. Entries are asked only for
   symbols that memory doesn't know, so those of symbols that came back need no mark.
2. Where two objects, or an object and memory, know a symbol, the one that saw it last counts.
3. An object is never changed. It is listed as long as one of its rows stands: is the state
   of a symbol that isn't in memory.
4. Entries lie in runs, sorted and never changed, so copies share them. A run that isn't
   much smaller than the one before it is merged with it: a look-up asks few runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from kcl_app.core.columns import Array
from kcl_app.core.state import State

KEY_BYTES = 16
NOWHERE = -1
_LONG = b"\xff"
"""Begins the key of a name that doesn't fit: no UTF-8 has this byte."""


def keys_of(symbols: Sequence[str]) -> Array:
    """A key each (16 bytes): the name's UTF-8, or where that is longer, a digest of it."""
    return np.array([_key(symbol) for symbol in symbols], dtype=f"S{KEY_BYTES}")


def _key(symbol: str) -> bytes:
    name = symbol.encode()
    if len(name) <= KEY_BYTES:
        return name
    return _LONG + blake2b(name, digest_size=KEY_BYTES - 1).digest()


@dataclass(frozen=True, slots=True)
class Index:
    """Who lies in an object, row by row: keys (ascending), and when each was last seen."""

    keys: Array
    sequences: Array
    subs: Array


@dataclass(frozen=True, slots=True)
class Run:
    """Entries: keys (ascending, no two alike), the number of the object, the row in it."""

    keys: Array
    objects: Array
    rows: Array

    def find(self, keys: Array) -> Array:
        """The entry of each key, or NOWHERE."""
        if not len(self.keys):
            return np.full(len(keys), NOWHERE)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, at, NOWHERE)

    def behind(self, older: Run) -> Run:
        """Both as one; where both have a key, this run's entry counts."""
        keys = np.concatenate([older.keys, self.keys])
        order = np.argsort(keys, kind="stable")
        order = order[_lasts(keys[order])]
        objects = np.concatenate([older.objects, self.objects])
        rows = np.concatenate([older.rows, self.rows])
        return Run(keys[order], objects[order], rows[order])


class Left:
    """The listed objects, by numbers of our own, and the entries of all that lies in them."""

    def __init__(self) -> None:
        self._runs: tuple[Run, ...] = ()
        self._names: dict[int, str] = {}
        self._sizes: dict[int, int] = {}
        self._standing: dict[int, int] = {}
        self._next = 0

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __len__(self) -> int:
        """How many symbols left and didn't come back."""
        return sum(self._standing.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The listed objects, in text order."""
        return tuple(sorted(self._names.values()))

    def name(self, number: int) -> str:
        return self._names[number]

    def copy(self) -> Left:
        twin = Left()
        twin._runs, twin._next = self._runs, self._next
        twin._names, twin._sizes = self._names.copy(), self._sizes.copy()
        twin._standing = self._standing.copy()
        return twin

    def find(self, keys: Array) -> tuple[Array, Array]:
        """The newest entry of each key: the object's number, or NOWHERE, and the row."""
        objects = np.full(len(keys), NOWHERE)
        rows = np.full(len(keys), NOWHERE)
        for run in reversed(self._runs):
            open_ = np.flatnonzero(objects == NOWHERE)
            entries = run.find(keys[open_])
            there = entries != NOWHERE
            objects[open_[there]] = run.objects[entries[there]]
            rows[open_[there]] = run.rows[entries[there]]
        return objects, rows

    def came_back(self, objects: Array) -> None:
        """Symbols whose state lay in these objects (their numbers) are in memory again."""
        for number, count in zip(*np.unique(objects, return_counts=True), strict=True):
            self._standing[int(number)] -= int(count)

    def add(self, name: str, keys: Array) -> None:
        """A new object: whoever lies in it left just now, or stood in one that it replaces."""
        self._list(name, len(keys))
        self._add(Run(keys, _of_one(len(keys), self._next - 1), _counted(len(keys))))

    def forget(self, numbers: Sequence[int]) -> None:
        """List these no more: none of their rows stands, or all lie in a newer object."""
        for number in numbers:
            del self._names[number], self._sizes[number], self._standing[number]
        if not self._names:
            self._runs = ()

    def empty(self) -> list[int]:
        """Objects without a row that stands."""
        return [number for number, count in self._standing.items() if not count]

    def sparse(self, most: int) -> list[int]:
        """Objects of which less than half stands, by name: one, and more up to ``most``
        standing rows."""
        found = [n for n, count in self._standing.items() if 2 * count < self._sizes[n]]
        found.sort(key=self._names.__getitem__)
        upto = np.cumsum([self._standing[number] for number in found])
        return found[: max(1, int(np.searchsorted(upto, most, side="right")))]

    def _list(self, name: str, size: int) -> None:
        self._names[self._next], self._sizes[self._next] = name, size
        self._standing[self._next] = size
        self._next += 1

    def _add(self, run: Run) -> None:
        runs = [*self._runs, run]
        while len(runs) > 1 and len(runs[-2].keys) <= 2 * len(runs[-1].keys):
            newer, older = runs.pop(), runs.pop()
            runs.append(newer.behind(older))
        self._runs = tuple(runs)

    @classmethod
    def of(cls, indexes: dict[str, Index], state: State) -> tuple[Left, State]:
        """What lies in the objects of these names, beside a state's memory.

        Returns the state without symbols that an object saw later (rule 2). Of equal
        positions memory counts, then the object whose name comes last.
        """
        left = cls()
        if not indexes:
            return left, state
        parts = [indexes[name] for name in sorted(indexes)]
        for name, part in zip(sorted(indexes), parts, strict=True):
            left._list(name, len(part.keys))
        objects = np.concatenate([_of_one(len(p.keys), n) for n, p in enumerate(parts)])
        rows = np.concatenate([_counted(len(part.keys)) for part in parts])
        every = Index(*(np.concatenate(c) for c in zip(*map(_columns, parts), strict=True)))
        newest = _newest(every)
        left._runs = (Run(every.keys[newest], objects[newest], rows[newest]),)
        counts = np.bincount(objects[newest], minlength=len(parts))
        left._standing = dict(enumerate(counts.tolist()))
        return left, left._beside(state, every, newest)

    def _beside(self, state: State, every: Index, newest: Array) -> State:
        """``state`` without what an object saw later; what memory saw later stands no more."""
        (run,) = self._runs
        entries = run.find(keys_of(state.symbols))
        slots = np.flatnonzero(entries != NOWHERE)
        theirs = newest[entries[slots]]
        mine = state.known("sequence")[slots], state.known("sub_sequence")[slots]
        ahead = every.sequences[theirs] > mine[0]
        ahead |= (every.sequences[theirs] == mine[0]) & (every.subs[theirs] > mine[1])
        self.came_back(run.objects[entries[slots[~ahead]]])
        return state.part(np.delete(np.arange(len(state)), slots[ahead])) if ahead.any() else state


def _of_one(size: int, number: int) -> Array:
    return np.full(size, number, dtype=np.int32)


def _counted(size: int) -> Array:
    return np.arange(size, dtype=np.int32)


def _columns(part: Index) -> tuple[Array, Array, Array]:
    return part.keys, part.sequences, part.subs


def _newest(every: Index) -> Array:
    """The row of each key that was seen last, in the keys' order; the later row of equals."""
    order = np.argsort(every.keys, kind="stable")
    keys = every.keys[order]
    lasts = _lasts(keys)
    shared = ~(lasts & np.roll(lasts, 1))
    twice = order[shared]
    seen = (twice, every.subs[twice], every.sequences[twice], every.keys[twice])
    order[shared] = twice[np.lexsort(seen)]
    newest: Array = order[lasts]
    return newest


def _lasts(keys: Array) -> Array:
    """True where a sorted key is the last of its kind."""
    lasts = np.ones(len(keys), dtype=bool)
    np.not_equal(keys[1:], keys[:-1], out=lasts[:-1])
    return lasts
