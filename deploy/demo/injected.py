"""Of the anomalies that the synthetic market injected: which carry a flag?"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from athena.answer import Engine

FLAGS = """select symbol, "timestamp" from anomalies where kind <> 'trend'"""
"""A trend flag tells of a crossing, as there are dozens a day, not of an anomaly."""


class Injected(msgspec.Struct, frozen=True):
    """A line of the synthetic source's truth."""

    symbol: str
    start: datetime
    end: datetime
    kind: str


@dataclass(frozen=True)
class Kind:
    """How many anomalies of a kind were injected, and how many of them carry a flag."""

    kind: str
    injected: int
    flagged: int


def read(truth: Path) -> list[Injected]:
    """The anomalies that a synthetic source wrote to its truth, in JSON lines."""
    lines = truth.read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Injected) for line in lines]


def found(engine: Engine, anomalies: Iterable[Injected]) -> list[Kind]:
    """By kind. Flagged is what has a flag on its symbol between its first and last tick."""
    flags: dict[str, list[datetime]] = defaultdict(list)
    table = engine.answer(FLAGS, {}).table
    for symbol, at in zip(*(column.to_pylist() for column in table.columns), strict=True):
        flags[symbol].append(at.replace(tzinfo=UTC))
    for times in flags.values():
        times.sort()
    counted: dict[str, list[bool]] = defaultdict(list)
    for anomaly in anomalies:
        counted[anomaly.kind].append(_within(flags[anomaly.symbol], anomaly))
    return [Kind(kind, len(hits), sum(hits)) for kind, hits in sorted(counted.items())]


def _within(times: list[datetime], anomaly: Injected) -> bool:
    at = bisect_left(times, anomaly.start)
    return at < len(times) and times[at] <= anomaly.end
