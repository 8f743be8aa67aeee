"""The state as bytes and back: Arrow IPC streams, compressed, with a format version.

The first holds the symbols in memory, the second the record ids of the repeats' horizon.
Where symbols have left, a third lists the objects in which they lie, and the format is 2: a
release that doesn't know these would take such symbols for new ones. Readable without this
program; nothing in it is code. An unknown format is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from kcl_app.core.columns import Array
from kcl_app.core.state import Field, State

FORMAT = "1"
FORMAT_LEFT = "2"
_STREAMS = {FORMAT: 2, FORMAT_LEFT: 3}
_KEY = b"tapeline.state"
_ARRIVAL = b"tapeline.arrival"
_WORTH_PACKING = 256
"""Rows from which compression pays: unpacking costs its time a column, not a byte."""


class UnknownSnapshot(ValueError):
    """The bytes are no snapshot that this release can read. The text says what to do."""


class Saved(NamedTuple):
    """What a snapshot holds: memory, the repeats' ids, and what left.

    ``left`` names the objects in which symbols lie; ``arrival`` is the newest the flow saw,
    0 where the memory knows it.
    """

    state: State
    ids: pa.Table
    left: tuple[str, ...] = ()
    arrival: int = 0


def dump(state: State, ids: pa.Table, left: Sequence[str] = (), arrival: int = 0) -> bytes:
    """The whole state; ``load`` gives it back bit for bit."""
    table = rows_of(state).replace_schema_metadata({_KEY: FORMAT_LEFT if left else FORMAT})
    if not left:
        return packed(table, ids)
    names = pa.table({"name": pa.array(left, pa.string())})
    return packed(table, ids, names.replace_schema_metadata({_ARRIVAL: str(arrival)}))


def load(body: bytes, fields: Sequence[Field]) -> Saved:
    """What was dumped, in these fields. Raises UnknownSnapshot."""
    table, ids, *more = _tables(body)
    state = State(fields)
    state.fill(*filling(table, state.fields))
    if not more:
        return Saved(state, ids)
    (names,) = more
    return Saved(state, ids, tuple(names["name"].to_pylist()), int(names.schema.metadata[_ARRIVAL]))


def merged(states: Sequence[State], fields: Sequence[Field]) -> State:
    """The states as one. Where two know a symbol, whoever saw it last counts."""
    state = State(fields)
    for one in states:
        state.absorb(one)
    return state


def rows_of(state: State) -> pa.Table:
    """A row a symbol, a column a field."""
    columns = {"symbol": pa.array(state.symbols, type=pa.string())}
    for field in state.fields:
        columns[field.name] = _arrow(field, state.known(field.name))
    return pa.table(columns).replace_schema_metadata({_KEY: FORMAT})


def filling(table: pa.Table, fields: Sequence[Field]) -> tuple[list[str], dict[str, Array]]:
    """The symbols of ``rows_of``, and those of its columns that these fields can hold."""
    columns = {
        field.name: _numpy(field, table.column(field.name))
        for field in fields
        if field.name in table.column_names and _fits(field, table.schema.field(field.name).type)
    }
    return table.column("symbol").to_pylist(), columns


def packed(*tables: pa.Table) -> bytes:
    """The tables as one stream behind the other."""
    sink = pa.BufferOutputStream()
    many = sum(table.num_rows for table in tables) >= _WORTH_PACKING
    options = pa.ipc.IpcWriteOptions(compression="zstd" if many else None, use_threads=False)
    for part in tables:
        with pa.ipc.new_stream(sink, part.schema, options=options) as writer:
            writer.write_table(part)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def unpacked(body: bytes, what: str = "snapshot") -> list[pa.Table]:
    """The tables of ``packed``. Raises UnknownSnapshot, which says that it is no ``what``."""
    source = pa.BufferReader(body)
    options = pa.ipc.IpcReadOptions(use_threads=False)
    tables: list[pa.Table] = []
    try:
        while not tables or source.tell() < source.size():
            tables.append(pa.ipc.open_stream(source, options=options).read_all())
    except (pa.ArrowInvalid, OSError) as wrong:
        raise UnknownSnapshot(f"not a {what}: {wrong}; restore the object or its copy") from None
    return tables


def _tables(body: bytes) -> list[pa.Table]:
    tables = unpacked(body)
    version = (tables[0].schema.metadata or {}).get(_KEY, b"none").decode()
    if version not in _STREAMS:
        raise UnknownSnapshot(
            f"snapshot has format {version}, this release reads {' and '.join(_STREAMS)}: "
            "run the release that wrote it, or a later one"
        )
    if len(tables) != _STREAMS[version]:
        raise UnknownSnapshot(
            f"not a snapshot: {len(tables)} of {_STREAMS[version]} parts; "
            "restore the object or its copy"
        )
    return tables


def _kind(field: Field) -> pa.DataType:
    plain = pa.string() if field.dtype == "O" else pa.from_numpy_dtype(np.dtype(field.dtype))
    if np.dtype(field.dtype).kind == "S":
        plain = pa.binary(np.dtype(field.dtype).itemsize)
    return pa.list_(plain, field.width) if field.width else plain


def _fits(field: Field, found: pa.DataType) -> bool:
    return bool(_kind(field).equals(found))


def _arrow(field: Field, column: Array) -> pa.Array:
    kind = _kind(field)
    flat = np.ascontiguousarray(column).reshape(-1)
    plain = kind.value_type if field.width else kind
    if flat.dtype.kind == "S":
        values = pa.Array.from_buffers(plain, len(flat), [None, pa.py_buffer(flat.tobytes())])
    else:
        values = pa.array(flat, type=plain, from_pandas=False)
    return pa.FixedSizeListArray.from_arrays(values, type=kind) if field.width else values


def _numpy(field: Field, column: pa.ChunkedArray) -> Array:
    whole = column.combine_chunks()
    values = whole.flatten() if field.width else whole
    dtype = np.dtype(field.dtype)
    if dtype.kind == "S":
        raw = values.buffers()[1]
        flat = np.frombuffer(
            raw, dtype=dtype, count=len(values), offset=values.offset * dtype.itemsize
        )
    else:
        flat = values.to_numpy(zero_copy_only=False)
    return flat.reshape(-1, field.width) if field.width else flat
