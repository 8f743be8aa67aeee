"""A small lake, written object by object with plain pyarrow."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from config.site import Site
from kcl_app.core.schema import TABLES

NEW_YORK = ZoneInfo("America/New_York")
_numbers = count()


def at(text: str) -> dt.datetime:
    """A time in UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def exchange(when: dt.datetime) -> dict[str, Any]:
    local = when.astimezone(NEW_YORK)
    return {
        "exchange_date": local.date(),
        "exchange_hour": local.hour,
        "exchange_minute": local.minute,
    }


def place(line: int = 0, arrival: dt.datetime | None = None) -> dict[str, Any]:
    number = next(_numbers)
    return {
        "arrival": arrival or at("2025-03-10T20:00:00"),
        "shard": "shardId-000000000000",
        "sequence": f"{4960000 + number}",
        "sub_sequence": 0,
        "line": line,
    }


def tick(symbol: str, when: str, price: float, **more: Any) -> dict[str, Any]:
    time = at(when)
    row = {"symbol": symbol, "timestamp": time, "price": price, "kind": "trade"}
    return row | exchange(time) | place() | more


def bar(symbol: str, start: str, high: float, **more: Any) -> dict[str, Any]:
    """A 1-minute bar, flat at ``high`` unless ``more`` says otherwise."""
    begin = at(start)
    row = {
        "symbol": symbol,
        "start": begin,
        "end": begin + dt.timedelta(minutes=1),
        "open": high,
        "high": high,
        "low": high,
        "close": high,
        "volume": 10.0,
        "vwap": high,
        "notional": Decimal(str(high)) * 10,
        "ticks": 1,
        "first_at": begin,
        "last_at": begin,
        "part": "1",
        "revision": 1,
        "shard": "shardId-000000000000",
    }
    return row | exchange(begin) | more


def anomaly(symbol: str, when: str, kind: str, severity: str, score: float) -> dict[str, Any]:
    time = at(when)
    row = {"symbol": symbol, "timestamp": time, "kind": kind, "severity": severity}
    return row | {"score": score, "price": 1.0, "reason": "said"} | exchange(time) | place()


def reject(reason: str, data: bytes, arrival: str) -> dict[str, Any]:
    return {"reason": reason, "data": data, "partition_key": "k"} | place(arrival=at(arrival))


def write(site: Site, table: str, rows: Sequence[Mapping[str, Any]], interval: str = "1m") -> None:
    """Put ``rows`` as the lake has them: one object a partition, in the table's schema."""
    days: dict[dt.date, list[Mapping[str, Any]]] = {}
    when = {"ticks": "timestamp", "bars": "start", "anomalies": "timestamp", "rejects": "arrival"}
    for row in rows:
        days.setdefault(row[when[table]].date(), []).append(row)
    for day, some in days.items():
        put(site, table, day, pa.Table.from_pylist(some, TABLES[table].arrow), interval)


def put(site: Site, table: str, day: dt.date, rows: pa.Table, interval: str = "1m") -> str:
    """Put one object; returns its key."""
    lead = f"interval={interval}/" if table == "bars" else ""
    key = f"{site.prefix}{table}/{lead}dt={day}/life-shard-{next(_numbers):010d}.parquet"
    body = io.BytesIO()
    pq.write_table(rows, body, compression="zstd")
    site.client("s3").put_object(Bucket=site.bucket, Key=key, Body=body.getvalue())
    return key
