"""Columns to the lake's tables: exactly the types of the schema, split by placement."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from kcl_app.core.columns import Array, Columns
from kcl_app.core.event_time import DAY
from kcl_app.core.live import Live
from kcl_app.core.schema import HANDED, TABLES

_DATED_BY = {"ticks": "timestamp", "anomalies": "timestamp", "bars": "start", "rejects": "arrival"}


def to_arrow(table: str, columns: Columns, shard: str) -> pa.Table:
    """The rows in exactly the table's schema. NaN becomes null; columns of our own are left out."""
    schema = HANDED[table].arrow
    arrays = [
        pa.repeat(pa.scalar(shard, type=field.type), columns.size)
        if field.name == "shard"
        else _arrow(columns[field.name], field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def bars_to_arrow(bars: Mapping[str, Columns], shard: str) -> pa.Table:
    """Bars of all intervals in one table, behind a leading column ``interval``."""
    schema = TABLES["bars"].arrow.insert(0, pa.field("interval", pa.string(), nullable=False))
    tables = []
    for interval, columns in bars.items():
        names = pa.repeat(pa.scalar(interval), columns.size)
        table = to_arrow("bars", columns, shard)
        tables.append(pa.Table.from_arrays([names, *table.columns], schema=schema))
    return pa.concat_tables(tables) if tables else schema.empty_table()


def live_to_arrow(live: Live, shard: str) -> pa.Table:
    """The table ``live_bars``: open bars first, then closed ones, each by interval."""
    tables = [
        to_arrow(
            "live_bars",
            columns.having(
                interval=np.full(columns.size, interval, dtype=object),
                closed=np.full(columns.size, closed),
            ),
            shard,
        )
        for closed, bars in ((False, live.current), (True, live.closed))
        for interval, columns in bars.items()
    ]
    return pa.concat_tables(tables) if tables else HANDED["live_bars"].arrow.empty_table()


def placed(table: str, columns: Columns) -> dict[str, Columns]:
    """The rows by ``dt`` (``YYYY-MM-DD``, ascending), sorted by symbol and time.

    Rows without a symbol (rejects) keep their order.
    """
    at = columns[_DATED_BY[table]]
    days = at // DAY
    keys = [at, _ranks(columns["symbol"])] if "symbol" in columns else []
    order = np.lexsort([*keys, days])
    found, starts = np.unique(days[order], return_index=True)
    ends = [*starts[1:].tolist(), columns.size]
    return {
        str(np.datetime64(int(day), "D")): columns.take(order[start:end])
        for day, start, end in zip(found.tolist(), starts.tolist(), ends, strict=True)
    }


def _ranks(names: Array) -> Array:
    """The place of each name among all, in text order."""
    wanted = names.tolist()
    rank = {name: place for place, name in enumerate(sorted(set(wanted)))}
    return np.fromiter(map(rank.__getitem__, wanted), np.int64, len(wanted))


def _arrow(column: Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_decimal(kind):
        memory = pa.py_buffer(np.ascontiguousarray(column))
        return pa.Array.from_buffers(kind, len(column), [None, memory])
    if column.dtype.kind == "S":
        return _fixed_text(column)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return pa.array(column).view(kind)
    return pa.array(column, type=kind, from_pandas=True)


def _fixed_text(column: Array) -> pa.Array:
    """Texts of one full length, lying one behind the other."""
    width = column.dtype.itemsize
    offsets = np.arange(len(column) + 1, dtype=np.int32) * width
    memory = [pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(column).tobytes())]
    return pa.StringArray.from_buffers(len(column), *memory)
