"""Bars: each (symbol, interval, start, part) has the revisions 1, 2, ... n, each once.

A window lies in one dt, so a partition (interval, dt) is proven by itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from verify.findings import Finding
from verify.inventory import Inventory
from verify.lake import Lake
from verify.revisions import Revisions

COLUMNS = ["symbol", "start", "part", "revision", "shard"]


def prove(
    lake: Lake, inventory: Inventory, revisions: Revisions, interval: str, dt: str, most: int
) -> tuple[int, list[Finding]]:
    """How many bars the partition has, and those whose revisions are broken.

    Objects that don't stand or can't be read were found with their cut.
    """
    revisions.begin()
    for key, rows in _rows(lake, inventory, interval, dt):
        revisions.add(key, rows)
    bars, broken, first = revisions.broken(most)
    found = [_finding(interval, bar) for bar in first]
    if broken > len(found):
        what = f"{broken - len(found)} more bars of interval {interval}, dt {dt} are broken so"
        found.append(Finding("revision", what))
    return bars, found


def _rows(
    lake: Lake, inventory: Inventory, interval: str, dt: str
) -> Iterator[tuple[str, pa.Table]]:
    for key in inventory.objects("bars", interval, dt):
        opened = lake.open(key)
        if opened is None:
            continue
        try:
            with pq.ParquetFile(opened.file) as file:
                if set(COLUMNS) <= set(file.schema_arrow.names):
                    for batch in file.iter_batches(columns=COLUMNS):
                        yield key, pa.Table.from_batches([batch])
        except (pa.ArrowException, OSError):
            continue


def _finding(interval: str, bar: dict[str, object]) -> Finding:
    what = (
        f"{bar['symbol']} {interval} bar of {bar['start']}: {bar['held']} rows with revisions "
        f"{bar['low']} to {bar['high']}"
    )
    objects = bar["objects"]
    assert isinstance(objects, list)
    return Finding("revision", what, str(bar["shard"]), (str(bar["part"]),), tuple(objects))
