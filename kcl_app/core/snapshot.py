"""The state as bytes and back: an Arrow IPC file, compressed, with a format version.

Readable without this program; nothing in it is code. An unknown format is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from kcl_app.core.columns import Array
from kcl_app.core.state import Field, State

FORMAT = "1"
_KEY = b"tapeline.state"


class UnknownSnapshot(ValueError):
    """The bytes are no snapshot that this release can read. The text says what to do."""


def dump(state: State) -> bytes:
    """The whole state; ``load`` gives it back bit for bit."""
    columns = {"symbol": pa.array(state.symbols, type=pa.string())}
    for field in state.fields:
        columns[field.name] = _arrow(field, state.known(field.name))
    table = pa.table(columns).replace_schema_metadata({_KEY: FORMAT})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def load(body: bytes, fields: Sequence[Field]) -> State:
    """The state in ``body``, in these fields. Raises UnknownSnapshot."""
    table = _table(body)
    state = State(fields)
    columns = {
        field.name: _numpy(field, table.column(field.name))
        for field in state.fields
        if field.name in table.column_names and _fits(field, table.schema.field(field.name).type)
    }
    state.fill(table.column("symbol").to_pylist(), columns)
    return state


def merged(bodies: Sequence[bytes], fields: Sequence[Field]) -> State:
    """The states in ``bodies`` as one; where two know a symbol, whoever saw it last counts."""
    state = State(fields)
    for body in bodies:
        state.absorb(load(body, fields))
    return state


def _table(body: bytes) -> pa.Table:
    try:
        with pa.ipc.open_file(pa.BufferReader(body)) as reader:
            table = reader.read_all()
    except pa.ArrowInvalid as wrong:
        raise UnknownSnapshot(f"not a snapshot: {wrong}; restore the object or its copy") from None
    version = (table.schema.metadata or {}).get(_KEY, b"none").decode()
    if version != FORMAT:
        raise UnknownSnapshot(
            f"snapshot has format {version}, this release reads {FORMAT}: "
            "run the release that wrote it, or a later one"
        )
    return table


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
