"""What must hold when a schedule is over: the lake is as an unbroken run leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from kcl_app.collect import KEPT
from kcl_app.core.columns import Columns
from kcl_app.core.cut import CutRecord
from kcl_app.core.flow import Flow
from kcl_app.core.lake import object_key, snapshot_key
from kcl_app.core.tables import bars_to_arrow, to_arrow
from kcl_app.shelf import LakeShelf
from tests.schedules.lake import GatedStore, Lake
from tests.schedules.play import DECODER, RULES
from tests.schedules.shard import Shard

PLACE = ("sequence", "sub_sequence", "line")
MOST_SNAPSHOTS = 3 * KEPT
"""A shard's: the kept ones, and those that crashes left ahead of their checkpoint."""


def rows(table: pa.Table, *more: str) -> list[tuple[Any, ...]]:
    """Rows in stream order, as tuples that compare bit for bit (NaN is null in Arrow)."""
    by = [(name, "ascending") for name in (*PLACE, *more)]
    return [tuple(row.values()) for row in table.sort_by(by).to_pylist()] if len(table) else []


def prove(lake: Lake, shards: Sequence[Shard], life: str) -> None:
    """Raises AssertionError where a row is missing, doubled or different."""
    want = unbroken(shards)
    for table, *more in (("ticks",), ("rejects",), ("anomalies", "kind")):
        assert rows(lake.table(table, life), *more) == rows(want[table], *more), table
    assert _merged(lake.table("bars", life).to_pylist()) == _merged(want["bars"].to_pylist())
    assert set(lake.objects) <= {key for cut in lake.cuts() for key in _keys(cut)}
    snapshots = [key for key in lake.bodies if key.startswith(f"snapshots/{life}/")]
    assert len(snapshots) <= MOST_SNAPSHOTS * len(shards), snapshots
    for shard in shards:
        _all_come_back(lake, shards, shard, life)


def _all_come_back(lake: Lake, shards: Sequence[Shard], shard: Shard, life: str) -> None:
    """From a shard's last snapshot every symbol goes on as in an unbroken run, left or not."""
    count = len(shard.records)
    at = shard.records.position(count - 1) if count else None
    body = lake.bodies.get(snapshot_key(life, shard.name, at))
    if body is None:
        return
    shelf = LakeShelf(GatedStore(lake, lambda call: None), life, shard.name)
    flow = Flow.restore(shard.name, RULES, [body], shelf)
    plain = Flow.restore(shard.name, RULES, [_finals(shards)[shard.name]])
    ticks = Columns.joined([DECODER.decode(s.records).ticks for s in shards])
    ticks = ticks.having(id=np.full(ticks.size, None, dtype=object))
    table = [to_arrow("ticks", one.feed(ticks).ticks, shard.name) for one in (flow, plain)]
    assert table[0].equals(table[1]), f"{shard.name} goes on otherwise"


def _finals(shards: Sequence[Shard]) -> dict[str, bytes]:
    """The state in which an unbroken run leaves each shard."""
    finals: dict[str, bytes] = {}
    for shard in shards:
        flow = Flow.restore(shard.name, RULES, [finals[parent] for parent in shard.parents])
        flow.close(flow.feed(DECODER.decode(shard.records).ticks).ticks)
        finals[shard.name] = flow.snapshot()
    return finals


def _keys(cut: CutRecord) -> list[str]:
    return [object_key(cut, entry) for entry in cut.objects]


def unbroken(shards: Sequence[Shard]) -> dict[str, pa.Table]:
    """All tables as one worker a shard leaves them that nothing befalls."""
    finals: dict[str, bytes] = {}
    found: dict[str, list[pa.Table]] = {}
    for shard in shards:
        parents = [finals[parent] for parent in shard.parents]
        flow = Flow.restore(shard.name, RULES, parents)
        decoded = DECODER.decode(shard.records)
        fed = flow.feed(decoded.ticks)
        tables = {"ticks": fed.ticks, "rejects": decoded.rejects, "anomalies": fed.anomalies}
        for name, columns in tables.items():
            found.setdefault(name, []).append(to_arrow(name, columns, shard.name))
        found.setdefault("bars", []).append(bars_to_arrow(flow.close(fed.ticks), shard.name))
        finals[shard.name] = flow.snapshot()
    return {name: pa.concat_tables(tables) for name, tables in found.items()}


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
