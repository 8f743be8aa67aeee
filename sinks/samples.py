"""Rows and batches to test a sink with, in the columns of the schema.

``tick(3, symbol="ACME")`` is the third record of a stream, a second after the
second one; name any column to set it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord, ObjectEntry, Place
from kcl_app.core.position import Position
from kcl_app.core.schema import HANDED, TABLES
from sinks.placement import TIME

START = datetime(2025, 1, 31, 14, 30, tzinfo=UTC)
SHARD = "shardId-000000000000"
LIFE = "a1b2c3"
FIRST_SEQUENCE = 49_600_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000

Row = dict[str, Any]


def sequence(n: int) -> str:
    """The sequence number of the n-th record; like real ones they are not dense."""
    return str(FIRST_SEQUENCE + 17 * n)


def tick(n: int, **columns: Any) -> Row:
    """A trade of FB, one a second, its price rising by a cent."""
    return _placed(n) | {"symbol": "FB", "price": 100 + n / 100, "kind": "trade"} | columns


def anomaly(n: int, **columns: Any) -> Row:
    """A grave z-score flag on the n-th tick."""
    said = {"kind": "z_score", "severity": "high", "score": 7.5, "reason": "far from its mean"}
    return _placed(n) | {"symbol": "FB", "price": 100 + n / 100} | said | columns


def reject(n: int, **columns: Any) -> Row:
    return _placed(n) | {"reason": "not JSON", "data": b"{", "partition_key": "FB"} | columns


def bar(n: int, **columns: Any) -> Row:
    """The one-minute bar of FB that the n-th tick opened."""
    start = (START + timedelta(seconds=n)).replace(second=0)
    prices = dict.fromkeys(("open", "high", "low", "close"), 100 + n / 100)
    times = {"start": start, "end": start + timedelta(minutes=1)}
    part = {"part": Position(sequence(n)).key, "revision": 1}
    return _placed(n) | {"interval": "1m", "symbol": "FB", **times, **prices, **part} | columns


def live_bar(n: int, **columns: Any) -> Row:
    """The one-minute bar of FB as it is after the n-th tick, still open."""
    counted = {"ticks": n + 1, "part": Position(sequence(0)).key, "closed": False}
    return bar(n) | counted | columns


def _placed(n: int) -> Row:
    at = START + timedelta(seconds=n)
    times = {"timestamp": at, "arrival": at + timedelta(milliseconds=80)}
    return {**times, "first_at": at, "last_at": at, "sequence": sequence(n)}


def table(name: str, rows: Sequence[Row]) -> pa.Table:
    """Rows as a batch has them: what a row does not name is null, or zero where null is forbidden.

    Bars have their leading column ``interval``.
    """
    columns = list(HANDED[name].arrow)
    if name == "bars":
        columns.insert(0, pa.field("interval", pa.string(), nullable=False))
    schema = pa.schema(columns, HANDED[name].arrow.metadata)
    arrays = [pa.array([_value(field, row) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def hot(
    ticks: Sequence[Row] = (),
    anomalies: Sequence[Row] = (),
    rejects: Sequence[Row] = (),
    live_bars: Sequence[Row] = (),
) -> Batch:
    """The batch of a KCL call; tables without rows are absent."""
    rows = {"ticks": ticks, "anomalies": anomalies, "rejects": rejects, "live_bars": live_bars}
    return Batch(SHARD, {name: table(name, given) for name, given in rows.items() if given})


def cut(
    ticks: Sequence[Row] = (),
    anomalies: Sequence[Row] = (),
    rejects: Sequence[Row] = (),
    bars: Sequence[Row] = (),
    after: int | None = None,
) -> Batch:
    """The batch of a whole cut with its record, which begins after record ``after``."""
    given = {"ticks": ticks, "anomalies": anomalies, "rejects": rejects, "bars": bars}
    tables = {name: table(name, rows) for name, rows in given.items() if rows}
    record = CutRecord(
        life=LIFE,
        shard=SHARD,
        after=None if after is None else Place(sequence(after)),
        rows=len(ticks),
        rejects=len(rejects),
        digest="0" * 32,
        objects=tuple(entry for name, rows in tables.items() for entry in _entries(name, rows)),
        values="samples",
    )
    return Batch(SHARD, tables, record)


def _entries(name: str, rows: pa.Table) -> list[ObjectEntry]:
    days = pc.strftime(rows[TIME[name]], format="%Y-%m-%d")
    keys = [rows["interval"] if name == "bars" else pa.array([""] * rows.num_rows), days]
    counted = pa.table(keys, names=["interval", "dt"]).group_by(["interval", "dt"])
    return [
        ObjectEntry(name, each["dt"], each["count_all"], each["interval"], TABLES[name].derived)
        for each in counted.aggregate([([], "count_all")]).to_pylist()
    ]


def _value(field: pa.Field, row: Row) -> Any:
    if field.name in row or field.nullable:
        return row.get(field.name)
    if field.name == "exchange_date":
        return row["timestamp"].date()
    if field.name == "shard":
        return SHARD
    return Decimal(0) if pa.types.is_decimal(field.type) else 0
