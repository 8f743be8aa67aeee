"""What is remembered about each symbol: columns that grow, one row a symbol.

Rules:
1. Whoever needs memory declares fields; the state stores, copies, saves and restores them.
2. A field that a snapshot lacks begins as for a new symbol; one that nobody declares
   any more is dropped. So settings may change between two runs.
3. Of two snapshots that know a symbol the one that saw it last counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kcl_app.core import padded
from kcl_app.core.columns import Array
from kcl_app.core.symbols import Symbols

_FIRST_CAPACITY = 64


@dataclass(frozen=True, slots=True)
class Field:
    """A value a symbol (``width`` 0) or a row of ``width`` values; ``fill`` before the first."""

    name: str
    dtype: str
    fill: Any
    width: int = 0

    def rows(self, count: int) -> Array:
        shape = (count, self.width) if self.width else (count,)
        return np.full(shape, self.fill, dtype=self.dtype)


SEQUENCE = Field("sequence", padded.SEQUENCE, b"")
SUB = Field("sub_sequence", "i8", 0)
LAST_SEEN = (SEQUENCE, SUB)
"""Position of the symbol's last record."""


class State:
    """``state[name]`` is the column of a field, indexed by slot; write into it by slot."""

    def __init__(self, fields: Iterable[Field]) -> None:
        declared = {field.name: field for field in (*LAST_SEEN, *fields)}
        self.fields: tuple[Field, ...] = tuple(declared.values())
        self._symbols = Symbols()
        self._names = np.full(_FIRST_CAPACITY, None, dtype=object)
        self._columns = {field.name: field.rows(_FIRST_CAPACITY) for field in self.fields}
        self._capacity = _FIRST_CAPACITY

    def __len__(self) -> int:
        return len(self._symbols)

    @property
    def symbols(self) -> list[str]:
        """All symbols, in the order of their slots."""
        return self._symbols.names

    def __getitem__(self, name: str) -> Array:
        return self._columns[name]

    def slots(self, symbols: Array, recall: Callable[[list[str]], None] | None = None) -> Array:
        """The slot of each symbol (int64); new symbols get the next ones.

        ``recall`` is given the symbols that aren't known, each once, and may ``fill`` some.
        """
        wanted = symbols.tolist()
        slots = self._symbols.find(wanted)
        new = np.flatnonzero(slots < 0)
        if len(new):
            unknown = list(dict.fromkeys(wanted[row] for row in new.tolist()))
            if recall is not None:
                recall(unknown)
                unknown = [symbol for symbol in unknown if symbol not in self._symbols]
            self._admit(unknown)
            slots = self._symbols.find(wanted)
        return slots

    def knows(self, symbols: Sequence[str]) -> Array:
        """Whether there is memory of each symbol (bool)."""
        known: Array = self._symbols.find(symbols) >= 0
        return known

    def part(self, slots: Array) -> State:
        """The memory of the symbols at these slots, in their order; independent of this one."""
        part = State(self.fields)
        names = self._names[slots].tolist()
        part.fill(names, {field.name: self[field.name][slots] for field in self.fields})
        return part

    def names(self, slots: Array) -> Array:
        """The symbols of slots: one text object a symbol, so later look-ups are quick."""
        names: Array = self._names[slots]
        return names

    def _admit(self, symbols: Iterable[str]) -> None:
        first = len(self.symbols)
        self._symbols.admit(symbols)
        if len(self.symbols) > self._capacity:
            self._grow(max(len(self.symbols), self._capacity * 5 // 4))
        self._names[first : len(self.symbols)] = self.symbols[first:]

    def _grow(self, capacity: int) -> None:
        room = capacity - self._capacity
        for field in self.fields:
            self._columns[field.name] = np.concatenate([self[field.name], field.rows(room)])
        self._names = np.concatenate([self._names, np.full(room, None, dtype=object)])
        self._capacity = capacity

    def copy(self) -> State:
        """The same memory, independent of this one."""
        twin = State.__new__(State)
        twin.fields = self.fields
        twin._symbols = self._symbols.copy()
        twin._names = self._names.copy()
        twin._columns = {name: column.copy() for name, column in self._columns.items()}
        twin._capacity = self._capacity
        return twin

    def known(self, name: str) -> Array:
        """The column's rows of the symbols there are."""
        rows: Array = self._columns[name][: len(self.symbols)]
        return rows

    def see(self, slots: Array, sequences: Array, subs: Array) -> None:
        """Remember the position of each symbol's last record."""
        self["sequence"][slots] = padded.sequences(sequences)
        self["sub_sequence"][slots] = subs

    def last_seen(self, slot: int) -> tuple[bytes, int]:
        """Position of the symbol's last record; padded, so it compares as integers do."""
        return bytes(self["sequence"][slot]), int(self["sub_sequence"][slot])

    def absorb(self, other: State) -> None:
        """Take over the symbols that ``other`` saw later than this, or alone."""
        ahead = [
            slot
            for slot, symbol in enumerate(other.symbols)
            if symbol not in self._symbols
            or other.last_seen(slot) > self.last_seen(self._symbols[symbol])
        ]
        mine = self.slots(np.array([other.symbols[slot] for slot in ahead], dtype=object))
        for field in self.fields:
            self[field.name][mine] = other[field.name][ahead]

    def fill(self, symbols: Sequence[str], columns: dict[str, Array]) -> None:
        """Set the memory of new symbols; fields without a column keep their first value."""
        slots = self.slots(np.array(symbols, dtype=object))
        for name, column in columns.items():
            self[name][slots] = column
