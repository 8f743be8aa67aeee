"""The state as bytes and back: two Arrow IPC streams, compressed, with a format version.

The first holds the symbols, the second the record ids of the repeats' horizon. Readable
without this program; nothing in it is code. An unknown format is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from kcl_app.core.columns import Array
from kcl_app.core.state import Field, State

FORMAT = "1"
_KEY = b"tapeline.state"
_WORTH_PACKING = 256
"""Rows from which compression pays: unpacking costs its time a column, not a byte."""


class UnknownSnapshot(ValueError):
    """The bytes are no snapshot that this release can read. The text says what to do."""


def dump(state: State, ids: pa.Table) -> bytes:
    """The whole state; ``load`` gives it back bit for bit."""
    columns = {"symbol": pa.array(state.symbols, type=pa.string())}
    for field in state.fields:
        columns[field.name] = _arrow(field, state.known(field.name))
    table = pa.table(columns).replace_schema_metadata({_KEY: FORMAT})
    sink = pa.BufferOutputStream()
    packed = "zstd" if len(state) + ids.num_rows >= _WORTH_PACKING else None
    options = pa.ipc.IpcWriteOptions(compression=packed, use_threads=False)
    for part in (table, ids):
        with pa.ipc.new_stream(sink, part.schema, options=options) as writer:
            writer.write_table(part)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def load(body: bytes, fields: Sequence[Field]) -> tuple[State, pa.Table]:
    """The state in ``body``, in these fields, and the ids. Raises UnknownSnapshot."""
    table, ids = _tables(body)
    state = State(fields)
    columns = {
        field.name: _numpy(field, table.column(field.name))
        for field in state.fields
        if field.name in table.column_names and _fits(field, table.schema.field(field.name).type)
    }
    state.fill(table.column("symbol").to_pylist(), columns)
    return state, ids


def merged(bodies: Sequence[bytes], fields: Sequence[Field]) -> tuple[State, list[pa.Table]]:
    """The states in ``bodies`` as one, and the ids of each.

    Where two know a symbol, whoever saw it last counts.
    """
    state = State(fields)
    ids = []
    for body in bodies:
        one, seen = load(body, fields)
        state.absorb(one)
        ids.append(seen)
    return state, ids


def _tables(body: bytes) -> tuple[pa.Table, pa.Table]:
    source = pa.BufferReader(body)
    try:
        options = pa.ipc.IpcReadOptions(use_threads=False)
        table, ids = (pa.ipc.open_stream(source, options=options).read_all() for _ in range(2))
    except (pa.ArrowInvalid, OSError) as wrong:
        raise UnknownSnapshot(f"not a snapshot: {wrong}; restore the object or its copy") from None
    version = (table.schema.metadata or {}).get(_KEY, b"none").decode()
    if version != FORMAT:
        raise UnknownSnapshot(
            f"snapshot has format {version}, this release reads {FORMAT}: "
            "run the release that wrote it, or a later one"
        )
    return table, ids


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
