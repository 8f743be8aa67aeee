"""Symbols to slots, thousands at a time.

A dict that knows 20,000 symbols waits for memory at each look-up. Symbols of up to eight
bytes are one integer each: these are looked up in a table of our own, all at once, so that
the waits overlap. The dict has all symbols; it answers for longer ones and in small calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from kcl_app.core.columns import Array

FEW = 128
"""Below so many look-ups the dict is faster."""

_BYTES = 8
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(_BYTES + 1)], dtype=np.uint64)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2**64 over the golden ratio: Fibonacci hashing (Knuth, The Art of Computer Programming, 6.4)."""
_FREE = -1
_ROOM = 4
"""Places of the table for each symbol, at least."""


class Symbols:
    """The known symbols in the order in which they came; a slot is a place in it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._slots: dict[str, int] = {}
        self._bits = 8
        self._clear()

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._slots

    def __getitem__(self, name: str) -> int:
        return self._slots[name]

    def find(self, wanted: Sequence[str], few: int = FEW) -> Array:
        """The slot of each symbol (int64), -1 where it is not known."""
        packed = _packed(wanted) if len(wanted) >= few else None
        if packed is None:
            return self._one_by_one(wanted)
        keys, long = packed
        slots = self._look_up(keys)
        if len(long):
            slots[long] = self._one_by_one([wanted[row] for row in long.tolist()])
        return slots

    def admit(self, names: Iterable[str]) -> None:
        """Give new symbols the next slots."""
        first = len(self.names)
        self.names.extend(names)
        fresh = self.names[first:]
        self._slots.update(zip(fresh, range(first, len(self.names)), strict=True))
        if len(self.names) * _ROOM > 1 << self._bits:
            self._bits = (len(self.names) * _ROOM).bit_length()
            self._clear()
            first, fresh = 0, self.names
        self._insert(fresh, first)

    def copy(self) -> Symbols:
        twin = Symbols.__new__(Symbols)
        twin.names, twin._slots, twin._bits = self.names.copy(), self._slots.copy(), self._bits
        twin._keys, twin._places = self._keys.copy(), self._places.copy()
        return twin

    def _clear(self) -> None:
        self._keys = np.zeros(1 << self._bits, dtype=np.uint64)
        self._places = np.full(1 << self._bits, _FREE, dtype=np.int32)

    def _one_by_one(self, wanted: Sequence[str]) -> Array:
        get = self._slots.get
        return np.array([get(name, _FREE) for name in wanted], dtype=np.int64)

    def _home(self, keys: Array) -> Array:
        places: Array = ((keys * _SPREAD) >> np.uint64(64 - self._bits)).astype(np.int64)
        return places

    def _look_up(self, keys: Array) -> Array:
        """Linear probing: from its home on, up to the key or a free place."""
        at = self._home(keys)
        slots = self._places[at].astype(np.int64)
        rows = np.flatnonzero((self._keys[at] != keys) & (slots != _FREE))
        at = at[rows]
        while len(rows):
            at = (at + 1) & (len(self._keys) - 1)
            slots[rows] = self._places[at]
            on = (self._keys[at] != keys[rows]) & (slots[rows] != _FREE)
            rows, at = rows[on], at[on]
        return slots

    def _insert(self, names: Sequence[str], first: int) -> None:
        packed = _packed(names)
        if packed is None:
            return
        keys, long = packed
        slots = np.arange(first, first + len(names), dtype=np.int32)
        if len(long):
            keys, slots = np.delete(keys, long), np.delete(slots, long)
        at = self._home(keys)
        while len(keys):
            free = self._places[at] == _FREE
            self._places[at[free]], self._keys[at[free]] = slots[free], keys[free]
            # Of two that want one place, one got it.
            on = self._places[at] != slots
            keys, slots, at = keys[on], slots[on], (at[on] + 1) & (len(self._keys) - 1)


def _packed(names: Sequence[str]) -> tuple[Array, Array] | None:
    """Each name's UTF-8 as an integer, and the rows that are too long for one.

    None where a name holds a NUL, which no symbol does, or there are no names.
    """
    letters = "\0".join(names).encode() + bytes(_BYTES)
    memory = np.frombuffer(letters, dtype=np.uint8)
    ends = np.flatnonzero(memory[: len(memory) - _BYTES + 1] == 0)
    if len(ends) != len(names):
        return None
    starts = np.zeros_like(ends)
    starts[1:] = ends[:-1] + 1
    lengths = ends - starts
    words = np.ndarray(len(letters) - _BYTES + 1, dtype="<u8", buffer=letters, strides=(1,))
    keys = words[starts].astype(np.uint64) & _MASKS[np.minimum(lengths, _BYTES)]
    return keys, np.flatnonzero(lengths > _BYTES)
