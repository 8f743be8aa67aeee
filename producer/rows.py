"""A chunk of a file as ticks.

What cannot be read as number or time is refused with its line and column. What
can be read goes out even where it makes no sense: it is the application that
judges, and keeps what it rejects. A price that is missing, NaN or infinite goes
out as the text it was, so that no other field is taken for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from kcl_app.core.columns import Array
from producer.layout import Layout
from producer.readers import ABSENT, Chunk
from producer.source import Ticks
from producer.times import NotATime, iso, microseconds

MISSING = {"", "-", "na", "n/a", "nan", "null", "none"}


@dataclass(frozen=True)
class Reading:
    """How the values of a file are to be read. ``symbol`` is that of rows without a column;
    ``kind`` that of all rows, or empty."""

    symbol: str
    kind: str = ""
    zone: tzinfo = UTC
    time_format: str = ""


def ticks(chunk: Chunk, layout: Layout, reading: Reading) -> Ticks:
    """The chunk's rows, in their order. Raises SourceError."""
    times = _times(chunk, layout, reading)
    size = len(chunk.places)
    columns: dict[str, Sequence[Any]] = {
        "symbol": _texts(chunk, layout, "symbol") or [reading.symbol] * size,
        "timestamp": iso(times),
    }
    for field in layout.numbers:
        columns[field] = _numbers(chunk, layout.columns[field], field == "price")
    kinds = None if reading.kind else _texts(chunk, layout, "kind")
    columns["kind"] = kinds or [reading.kind or layout.kind] * size
    columns["source"] = _texts(chunk, layout, "source") or ["replay"] * size
    return Ticks(_dicts(columns), times)


def _dicts(columns: dict[str, Sequence[Any]]) -> list[dict[str, Any]]:
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if any(None in values for values in columns.values()):
        return [{name: v for name, v in row.items() if v is not None} for row in rows]
    return rows


def _times(chunk: Chunk, layout: Layout, reading: Reading) -> Array:
    column = layout.columns["timestamp"]
    values = chunk.columns[column]
    if layout.clock:
        clock = chunk.columns[layout.clock]
        values = [f"{date} {time}" for date, time in zip(values, clock, strict=True)]
    try:
        return microseconds(values, reading.zone, reading.time_format)
    except NotATime as wrong:
        raise chunk.wrong(wrong.index, column, str(wrong)) from wrong


def _texts(chunk: Chunk, layout: Layout, field: str) -> list[str | None] | None:
    """A text column; an absent kind or source is None, an absent symbol empty."""
    if field not in layout.columns:
        return None
    absent = "" if field == "symbol" else None
    return [
        absent if value is None or value is ABSENT or value == "" else str(value)
        for value in chunk.columns[layout.columns[field]]
    ]


def _numbers(chunk: Chunk, column: str, required: bool) -> Sequence[Any]:
    values = chunk.columns[column]
    try:
        found = [float(value) for value in values]
    except (TypeError, ValueError):
        return [_number(chunk, at, column, required) for at in range(len(values))]
    if all(map(math.isfinite, found)) and not any(map(_odd, values)):
        return found
    return [_number(chunk, at, column, required) for at in range(len(values))]


def _odd(value: Any) -> bool:
    """Python would read it as a number, nobody else would."""
    return value is True or value is False or (isinstance(value, str) and "_" in value)


def _number(chunk: Chunk, at: int, column: str, required: bool) -> float | str | None:
    value = chunk.columns[column][at]
    if value is ABSENT:
        return None
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING):
        return (value or "") if required else None
    try:
        number = None if _odd(value) else float(value)
    except (TypeError, ValueError):
        number = None
    if number is None:
        raise chunk.wrong(at, column, f"{str(value)[:80]!r} is not a number")
    if math.isfinite(number):
        return number
    return None if math.isnan(number) and not required else str(value)
