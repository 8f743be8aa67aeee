"""The schema as Glue tables. Arrow's types become Hive's and Trino's here and nowhere else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from config.settings import Market
from kcl_app.core.schema import BARS, Column, Table

INTERVALS = ("1m", "5m", "1h", "1d")
"""Always projected: bars that an earlier configuration wrote stay readable."""

PARTITIONS = {
    "dt": "UTC date, yyyy-MM-dd; a question that names it reads those days alone",
    "interval": "length of the window: 1m, 5m, 1h, 1d",
}

PARQUET = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
JSON = {
    "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
        "Parameters": {"ignore.malformed.json": "true"},
    },
}

RAW = "stock_data_table"
RAW_COLUMNS = {
    "symbol": "string",
    **dict.fromkeys(
        ("open", "high", "low", "price", "previous_close", "change", "change_percent"), "double"
    ),
    "volume": "bigint",
    "timestamp": "string",
}
"""The ten fields of a raw quote, as its producer wrote them."""

_PLAIN = {
    pa.string(): "string",
    pa.float64(): "double",
    pa.int64(): "bigint",
    pa.int32(): "int",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    pa.binary(): "binary",
}
_TRINO = {"string": "varchar", "int": "integer", "binary": "varbinary", "timestamp": "timestamp(3)"}


def hive_type(kind: pa.DataType) -> str:
    """The Hive type of an Arrow type. Raises ValueError where the lake has no such type."""
    if pa.types.is_decimal128(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if kind in _PLAIN:
        return _PLAIN[kind]
    raise ValueError(f"Arrow type {kind} has no Hive type here: add it to glue/render.py")


def trino_type(hive: str) -> str:
    """The type that a view declares for a column of this Hive type."""
    return _TRINO.get(hive, hive)


def table_input(
    table: Table, lake_url: str, market: Market, intervals: Iterable[str] = ()
) -> dict[str, Any]:
    """Glue's TableInput for a lake table below ``lake_url`` (``s3://bucket/prefix/``)."""
    location = f"{lake_url}{table.name}/"
    return {
        "Name": table.name,
        "Description": table.doc,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": "parquet",
            **_projection(table, location, market, intervals),
        },
        "PartitionKeys": [_column(key, "string", PARTITIONS[key]) for key in table.partitions],
        "StorageDescriptor": {
            "Columns": [_column(c.name, hive_type(c.type), c.doc) for c in table.columns],
            "Location": location,
            **PARQUET,
        },
    }


def raw_input(location: str) -> dict[str, Any]:
    """TableInput for raw quotes, JSON objects on lines, below ``location``."""
    return {
        "Name": RAW,
        "Description": "Raw quotes as their producer wrote them, JSON lines.",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "json"},
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [_column(name, kind) for name, kind in RAW_COLUMNS.items()],
            "Location": location,
            **JSON,
        },
    }


def view_input(name: str, doc: str, sql: str, database: str, columns: Mapping[str, str]) -> Any:
    """TableInput of a view as Athena itself writes it. ``columns`` are names to Hive types."""
    body = {
        "originalSql": sql,
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": n, "type": trino_type(kind)} for n, kind in columns.items()],
    }
    encoded = base64.b64encode(json.dumps(body).encode()).decode()
    return {
        "Name": name,
        "Description": doc,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [_column(n, kind) for n, kind in columns.items()],
            "Location": "",
            "SerdeInfo": {},
        },
        "ViewOriginalText": f"/* Presto View: {encoded} */",
        "ViewExpandedText": "/* Presto View */",
    }


def bars_final_columns() -> dict[str, str]:
    """Columns of the view bars_final: those of bars without what tells parts apart."""
    inside = {"part", "revision", "shard"}
    kept: list[Column] = [c for c in BARS.columns if c.name not in inside]
    return {c.name: hive_type(c.type) for c in kept} | dict.fromkeys(BARS.partitions, "string")


def _column(name: str, kind: str, comment: str = "") -> dict[str, str]:
    return {"Name": name, "Type": kind, **({"Comment": comment} if comment else {})}


def _projection(
    table: Table, location: str, market: Market, intervals: Iterable[str]
) -> dict[str, str]:
    """Partitions worked out from the question: no crawler, no partition is ever registered."""
    keys = "/".join(f"{key}=${{{key}}}" for key in table.partitions)
    settings = {
        "projection.enabled": "true",
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        "projection.dt.range": f"{market.earliest_year}-01-01,{market.latest_year}-12-31",
        "projection.dt.interval": "1",
        "projection.dt.interval.unit": "DAYS",
        "storage.location.template": f"{location}{keys}/",
    }
    if "interval" in table.partitions:
        every = dict.fromkeys((*INTERVALS, *intervals))
        settings |= {
            "projection.interval.type": "enum",
            "projection.interval.values": ",".join(every),
        }
    return settings
