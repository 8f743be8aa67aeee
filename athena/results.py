"""Athena's result file as a table with Athena's types.

The file is CSV with every value in quotes; a null is nothing between commas, which
tells it from the empty text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

SIMPLE: Mapping[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "real": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
ZONED = "timestamp with time zone"


def columns_of(described: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, pa.DataType]]:
    """(name, Athena's type, Arrow's type) of each column. Nested types stay text."""
    return [(c["Name"], c["Type"], _type(c)) for c in described]


def _type(column: Mapping[str, Any]) -> pa.DataType:
    if column["Type"] == "decimal":
        return pa.decimal128(column["Precision"], column["Scale"])
    return SIMPLE.get(column["Type"], pa.string())


def read(body: BinaryIO, columns: Sequence[tuple[str, str, pa.DataType]]) -> pa.Table:
    """The rows of a result file. Two columns may share a name, so they are read by place."""
    places = [str(place) for place in range(len(columns))]
    table = pacsv.read_csv(
        body,
        read_options=pacsv.ReadOptions(column_names=places, skip_rows=0, use_threads=False),
        parse_options=pacsv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(places, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    ).slice(1)
    typed = [_typed(table.column(i), kind, arrow) for i, (_, kind, arrow) in enumerate(columns)]
    return pa.Table.from_arrays(typed, names=[name for name, _, _ in columns])


def _typed(values: pa.ChunkedArray, kind: str, arrow: pa.DataType) -> pa.ChunkedArray:
    if kind == "varbinary":
        return pa.chunked_array([[_bytes(v) for v in values.to_pylist()]], pa.binary())
    if kind == ZONED:
        return _utc(values)
    if pa.types.is_floating(arrow):
        values = pc.replace_substring_regex(values, "Infinity", "inf")
    return values.cast(arrow)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _utc(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times in UTC; text where any has another zone."""
    named = pc.ends_with(values, " UTC")
    if not pc.all(named, skip_nulls=True).as_py():
        return values
    bare = pc.utf8_slice_codeunits(values, 0, -4)
    return bare.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
