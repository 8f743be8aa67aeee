"""What must hold when a schedule is over: the lake is as an unbroken run leaves it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from kcl_app.core.flow import Flow
from kcl_app.core.tables import to_arrow
from tests.schedules.lake import Lake
from tests.schedules.play import DECODER, RULES
from tests.schedules.shard import Shard

PLACE = ("sequence", "sub_sequence", "line")


def rows(table: pa.Table, *more: str) -> list[tuple[Any, ...]]:
    """Rows in stream order, as tuples that compare bit for bit (NaN is null in Arrow)."""
    by = [(name, "ascending") for name in (*PLACE, *more)]
    return [tuple(row.values()) for row in table.sort_by(by).to_pylist()] if len(table) else []


def prove(lake: Lake, shard: Shard) -> None:
    """Raises AssertionError where a row is missing, doubled or different."""
    decoded = DECODER.decode(shard.records)
    fed = Flow(shard.name, RULES).feed(decoded.ticks)
    assert rows(lake.table("ticks")) == rows(to_arrow("ticks", fed.ticks, shard.name))
    assert rows(lake.table("rejects")) == rows(to_arrow("rejects", decoded.rejects, shard.name))
    assert rows(lake.table("anomalies"), "kind") == rows(
        to_arrow("anomalies", fed.anomalies, shard.name), "kind"
    )
    assert final_bars(lake) == unbroken_bars(shard)
    listed = {o for cut in lake.cuts() for o in _keys(cut)}
    assert set(lake.objects) == listed


def _keys(cut: Any) -> list[str]:
    from kcl_app.core.lake import object_key

    return [object_key(cut, entry) for entry in cut.objects]


def final_bars(lake: Lake) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Each window's value: the highest revision of each part, parts added up."""
    return _merged(lake.table("bars").to_pylist())


def unbroken_bars(shard: Shard) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    flow = Flow(shard.name, RULES)
    fed = flow.feed(DECODER.decode(shard.records).ticks)
    found = []
    for interval, bars in flow.close(fed.ticks).items():
        found += [
            {"interval": interval, **row} for row in to_arrow("bars", bars, shard.name).to_pylist()
        ]
    return _merged(found)


def _merged(found: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    parts: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in found:
        key = (row["interval"], row["symbol"], row["start"], row["part"])
        if key not in parts or parts[key]["revision"] < row["revision"]:
            parts[key] = row
    windows: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for key, row in parts.items():
        windows.setdefault(key[:3], []).append(row)
    return {key: _window(rows) for key, rows in windows.items()}


def _window(parts: list[dict[str, Any]]) -> tuple[Any, ...]:
    first = min(parts, key=lambda row: (row["first_at"], row["part"]))
    last = max(parts, key=lambda row: (row["last_at"], row["part"]))
    return (
        first["open"],
        max(row["high"] for row in parts),
        min(row["low"] for row in parts),
        last["close"],
        sum(row["volume"] for row in parts),
        sum(row["notional"] for row in parts),
        sum(row["ticks"] for row in parts),
    )
