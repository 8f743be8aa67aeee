"""Sinks that keep what they are given: for tests, and to look at a tape in a notebook."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import pyarrow as pa

from kcl_app.core.contract import Batch, Sink, When
from kcl_app.core.position import Position
from sinks.placement import objects

Row = dict[str, Any]
Identity = tuple[Any, ...]


@dataclass
class MemorySink(Sink):
    """Keeps every row of a hot batch once, by its place in the stream, and each live bar's
    newest value. Not durable.

    ``held`` maps a table to its rows by identity; hand the same dict to another
    sink to stand for storage that outlives a process.
    """

    held: dict[str, dict[Identity, Row]] = field(default_factory=dict)
    when: ClassVar[When] = "batch"
    guarantee: ClassVar[str] = "every row once while the process lives: a repeat replaces itself"

    def write(self, batch: Batch) -> None:
        for name in batch.tables:
            rows = self.held.setdefault(name, {})
            rows.update((identity(row), row) for row in batch.rows(name) if self._newer(name, row))

    def _newer(self, name: str, row: Row) -> bool:
        """A row is a fact; only a live bar has values that are older than others."""
        held = self.held[name].get(identity(row))
        return held is None or name != "live_bars" or version(held) < version(row)

    def rows(self, name: str) -> list[Row]:
        """The rows of a table in stream order."""
        rows = self.held.get(name, {})
        return [rows[key] for key in sorted(rows)]


@dataclass
class MemoryLake(Sink):
    """Keeps the objects of cuts, the first of a name for good: the parquet sink without S3.

    ``objects`` maps (table, partition, cut) to rows.
    """

    objects: dict[tuple[str, str, str], pa.Table] = field(default_factory=dict)
    when: ClassVar[When] = "cut"
    guarantee: ClassVar[str] = (
        "every accepted record once while the process lives: the first object of a name stays"
    )

    def write(self, batch: Batch) -> None:
        assert batch.cut is not None
        for entry, rows in objects(batch):
            self.objects.setdefault((entry.table, entry.partition, batch.cut.name), rows)

    def rows(self, name: str) -> list[Row]:
        """All rows of a table, object after object."""
        return [
            row
            for (table, _, _), rows in sorted(self.objects.items())
            if table == name
            for row in rows.to_pylist()
        ]


def identity(row: Row) -> Identity:
    """Position and line; an anomaly's kind too, since one tick can have several. A live bar is
    named by its window."""
    if "closed" in row:
        moves = row["interval"].startswith("gap")
        return row["symbol"], row["interval"], row["part"] if moves else row["start"].isoformat()
    place = Position(row["sequence"], row["sub_sequence"])
    kind = row["kind"] if "reason" in row and "kind" in row else ""
    return (*place.order, row["line"], kind)


def version(bar: Row) -> Identity:
    """Of two rows of one live bar the newer has the greater version."""
    return (*Position(bar["sequence"], bar["sub_sequence"]).order, bar["closed"])
