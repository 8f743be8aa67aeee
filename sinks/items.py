"""Ticks as DynamoDB items, in the low-level form.

A number is written as Python's repr, the shortest text that reads as the same float.

Key: ``symbol``, and ``timestamp`` as text of fixed width, so that text order is
time order. A bar or quote is named by its instant; trades may share one, so a
trade's ``timestamp`` ends with ``#`` and its position.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from kcl_app.core.position import SEQUENCE_DIGITS, SUB_DIGITS

PLACE = ("sequence", "sub_sequence", "line")
LINE_DIGITS = 8
Item = dict[str, dict[str, Any]]


def items(ticks: pa.Table) -> Iterator[Item]:
    """An item a tick, in the ticks' order, with every column that has a value, and ``position``."""
    columns = [(name, written(ticks[name])) for name in ticks.column_names]
    rows = zip(*(values for _, values in columns), positions(ticks), strict=True)
    names = [name for name, _ in columns]
    for *values, position in rows:
        item = {name: value for name, value in zip(names, values, strict=True) if value}
        item["position"] = {"S": position}
        if item["kind"]["S"] == "trade":
            item["timestamp"] = {"S": f"{item['timestamp']['S']}#{position}"}
        yield item


def positions(rows: pa.Table) -> list[str]:
    """Each row's place in its stream, as text whose order is the stream's: record, then line."""
    places = zip(*(rows[name].to_pylist() for name in PLACE), strict=True)
    return [
        f"{sequence:0>{SEQUENCE_DIGITS}}-{sub:0{SUB_DIGITS}}-{line:0{LINE_DIGITS}}"
        for sequence, sub, line in places
    ]


def instant(column: pa.ChunkedArray) -> list[str]:
    """``2025-01-31T15:04:05.000000Z``; the column has no nulls."""
    texts = np.datetime_as_string(column.to_numpy().astype("datetime64[us]"), unit="us")
    return [f"{text}Z" for text in texts.tolist()]


def written(column: pa.ChunkedArray) -> list[dict[str, str] | None]:
    """DynamoDB's typed values; None where there is none. Equal ones are one object."""
    if pa.types.is_timestamp(column.type):
        return [{"S": text} for text in instant(column)]
    if pa.types.is_floating(column.type):
        return [None if value is None else {"N": repr(value)} for value in column.to_pylist()]
    coded = column.combine_chunks().dictionary_encode()
    number = pa.types.is_integer(column.type) or pa.types.is_decimal(column.type)
    kind = "N" if number else "S"
    values = [{kind: str(value)} for value in coded.dictionary.to_pylist()]
    return [None if code is None else values[code] for code in coded.indices.to_pylist()]
