"""A bound on the symbols in memory: who leaves, into what, and how they come back.

Rules:
1. Who leaves follows from the state and the bound alone: above it, those that were seen
   longest ago, by position, until three quarters of it remain. So objects are few and large.
2. An object is named ``SHARD/<end of the cut>-<digest>``. The digest covers who lies in it,
   in which row, and when each was last seen, so whoever agrees on the chain names it alike.
3. Of objects with less than half of their rows standing the rest goes into the next one, at
   most as many rows as leave: what is listed stays below about twice the symbols that left.
4. A symbol that comes back has the state that it had. An object that isn't there is an
   error, never a new symbol.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from kcl_app.core import padded
from kcl_app.core.columns import Array
from kcl_app.core.left import KEY_BYTES, NOWHERE, Index, Left, keys_of
from kcl_app.core.position import Position
from kcl_app.core.snapshot import UnknownSnapshot, filling, packed, rows_of, unpacked
from kcl_app.core.state import State

ROWS = 16_384
"""Symbols of an object at most: whoever comes back is fetched with all that left along."""
_DIGITS = 12


class Shelf(Protocol):
    """Where objects lie, by name: the states, and beside them the small index."""

    def keep(self, name: str, states: bytes, index: bytes) -> None:
        """A new object. Of two with one name the first stays; both say the same."""

    def states(self, name: str) -> bytes:
        """Raises where the object isn't there."""

    def index(self, name: str) -> bytes:
        """Raises where the object isn't there."""


class MemoryShelf:
    """Objects in memory: for flows that no store stands behind."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, bytes]] = {}

    def keep(self, name: str, states: bytes, index: bytes) -> None:
        self.objects.setdefault(name, (states, index))

    def states(self, name: str) -> bytes:
        return self.objects[name][0]

    def index(self, name: str) -> bytes:
        return self.objects[name][1]


def leave(state: State, left: Left, shelf: Shelf, most: int, shard: str, at: Position) -> State:
    """The state after the cut that ends ``at``, with at most ``most`` symbols; 0 is no bound.

    Who leaves is added to ``left``.
    """
    left.forget(left.empty())
    if not most or len(state) <= most:
        return state
    going, staying = _parted(state, most - most // 4)
    gone = state.part(going)
    sparse = left.sparse(len(going))
    for number in sparse:
        gone.fill(*_standing(left, number, state, shelf))
    for first in range(0, len(gone), ROWS):
        some = gone.part(np.arange(first, min(first + ROWS, len(gone))))
        _put_away(some, left, shelf, f"{shard}/{at.key}")
    left.forget(sparse)
    return state.part(staying)


def _put_away(gone: State, left: Left, shelf: Shelf, lead: str) -> None:
    """One object, and its index."""
    gone = gone.part(np.argsort(keys_of(gone.symbols)))
    sequences, subs = gone.known("sequence").copy(), gone.known("sub_sequence").copy()
    index = Index(keys_of(gone.symbols), sequences, subs)
    name = f"{lead}-{_digest(index)}"
    shelf.keep(name, packed(rows_of(gone)), _index_bytes(index))
    left.add(name, index.keys)


def recall(symbols: Sequence[str], state: State, left: Left, shelf: Shelf) -> None:
    """Bring back into ``state`` which of these left; none of them is in it."""
    objects, rows = left.find(keys_of(symbols))
    for number in np.unique(objects[objects != NOWHERE]).tolist():
        wanted = np.flatnonzero(objects == number)
        table = _table(shelf, left.name(number)).take(pa.array(rows[wanted]))
        found, columns = filling(table, state.fields)
        if found != [symbols[place] for place in wanted.tolist()]:
            raise UnknownSnapshot(
                f"{left.name(number)} holds other symbols than its index says; restore both "
                "objects or their copies"
            )
        state.fill(found, columns)
    left.came_back(objects[objects != NOWHERE])


def found_again(names: Sequence[str], shelf: Shelf, state: State) -> tuple[Left, State]:
    """What lies in these objects, and ``state`` without what they saw later."""
    return Left.of({name: _index(shelf.index(name)) for name in names}, state)


def _parted(state: State, keep: int) -> tuple[Array, Array]:
    """Slots of those that leave, longest ago first (of one record: by key), and of the rest."""
    seen = (keys_of(state.symbols), state.known("sub_sequence"), state.known("sequence"))
    order = np.lexsort(seen)
    leaving = len(order) - keep
    return order[:leaving], np.sort(order[leaving:])


def _standing(
    left: Left, number: int, state: State, shelf: Shelf
) -> tuple[list[str], dict[str, Array]]:
    """Symbols of an object, and their memory, whose state it still is."""
    table = _table(shelf, left.name(number))
    symbols = table.column("symbol").to_pylist()
    objects, rows = left.find(keys_of(symbols))
    stands = (objects == number) & (rows == np.arange(len(symbols))) & ~state.knows(symbols)
    return filling(table.filter(pa.array(stands)), state.fields)


def _table(shelf: Shelf, name: str) -> pa.Table:
    (table,) = unpacked(shelf.states(name), "object of left symbols")
    return table


def _digest(index: Index) -> str:
    digest = hashlib.sha256()
    for column in (index.keys, index.sequences, index.subs.astype("<i8")):
        digest.update(column.tobytes())
    return digest.hexdigest()[:_DIGITS]


def _index_bytes(index: Index) -> bytes:
    columns = {
        "key": _fixed(index.keys),
        "sequence": _fixed(index.sequences),
        "sub_sequence": pa.array(index.subs, pa.int64()),
    }
    return packed(pa.table(columns))


def _index(body: bytes) -> Index:
    (table,) = unpacked(body, "index of left symbols")
    return Index(
        _bytes(table["key"], KEY_BYTES),
        _bytes(table["sequence"], np.dtype(padded.SEQUENCE).itemsize),
        table["sub_sequence"].to_numpy(),
    )


def _fixed(column: Array) -> pa.Array:
    kind = pa.binary(column.dtype.itemsize)
    return pa.Array.from_buffers(kind, len(column), [None, pa.py_buffer(column.tobytes())])


def _bytes(column: pa.ChunkedArray, width: int) -> Array:
    whole = column.combine_chunks()
    return np.frombuffer(whole.buffers()[1], dtype=f"S{width}", count=len(whole))
