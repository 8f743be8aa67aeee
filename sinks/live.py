"""Live bars as sinks keep them: what names one, which of two is newer, and as an item."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from kcl_app.core.position import SEQUENCE_DIGITS, SUB_DIGITS
from sinks.items import Item, instant, written

DAY_S = 86_400
GAP = "gap"
"""Intervals of gap windows begin so: a late tick may move their start, never their part."""


def names(bars: pa.Table) -> list[str]:
    """Each bar's name beside its symbol: ``1m#2025-01-31T15:04:00.000000Z``, or
    ``gap30m#PART`` where the start may move. Text order is time order."""
    rows = zip(
        bars["interval"].to_pylist(), instant(bars["start"]), bars["part"].to_pylist(), strict=True
    )
    return [
        f"{interval}#{part if interval.startswith(GAP) else start}"
        for interval, start, part in rows
    ]


def versions(bars: pa.Table) -> list[str]:
    """Text that is greater for the newer of two rows of one bar."""
    columns = (bars[name].to_pylist() for name in ("sequence", "sub_sequence", "closed"))
    return [
        f"{sequence:0>{SEQUENCE_DIGITS}}-{sub:0{SUB_DIGITS}}-{int(closed)}"
        for sequence, sub, closed in zip(*columns, strict=True)
    ]


def bar_items(bars: pa.Table, days: int) -> Iterator[Item]:
    """A DynamoDB item a bar, with every column that has a value: ``bar`` is its name,
    ``position`` its version; ``expires`` lies ``days`` behind its end, where these aren't 0."""
    columns = [(name, written(bars[name])) for name in bars.column_names if name != "closed"]
    fields = [name for name, _ in columns]
    ends = pc.cast(bars["end"], pa.int64()).to_pylist()
    named = zip(names(bars), versions(bars), bars["closed"].to_pylist(), ends, strict=True)
    rows = zip(*(values for _, values in columns), strict=True)
    for values, (bar, version, closed, end) in zip(rows, named, strict=True):
        item: Item = {n: value for n, value in zip(fields, values, strict=True) if value}
        item |= {"bar": {"S": bar}, "position": {"S": version}, "closed": {"BOOL": closed}}
        if days:
            item["expires"] = {"N": str(end // 1_000_000 + days * DAY_S)}
        yield item
