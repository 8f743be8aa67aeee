"""Parquet footers: columns that differ from the table's, and the dates that rows have."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa

from kcl_app.core.schema import TABLES

TIMES = {"ticks": "timestamp", "anomalies": "timestamp", "bars": "start", "rejects": "arrival"}
"""The column whose UTC date is the row's dt."""


def strange_columns(held: pa.Schema, table: str) -> str:
    """What differs from the table's schema in names and types; empty where nothing does."""
    wrong = []
    for column in TABLES[table].columns:
        index = held.get_field_index(column.name)
        if index < 0:
            wrong.append(f"no column {column.name}")
        elif held.field(index).type != column.type:
            wrong.append(f"{column.name} is {held.field(index).type}, not {column.type}")
    return ", ".join(wrong)


def extent(file: Any, column: str) -> Iterator[tuple[date, date]]:
    """First and last UTC date of a time column, from the footer where it has statistics."""
    index = file.schema_arrow.get_field_index(column)
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    for number, group in enumerate(groups):
        if not group.num_rows:
            continue
        stats = _column(group, column, index).statistics
        if stats is not None and stats.has_min_max:
            yield _utc_date(stats.min), _utc_date(stats.max)
        else:
            values = file.read_row_group(number, columns=[column])[column]
            times = values.to_pylist()
            yield _utc_date(min(times)), _utc_date(max(times))


def _column(group: Any, name: str, index: int) -> Any:
    chunk = group.column(index)
    if chunk.path_in_schema == name:
        return chunk
    chunks = (group.column(i) for i in range(group.num_columns))
    return next(c for c in chunks if c.path_in_schema == name)


def _utc_date(time: datetime) -> date:
    return (time.astimezone(UTC) if time.tzinfo else time).date()
