"""Anomalies that were to be told, and the items of those that were, side by side on disk."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Literal, NamedTuple

import pyarrow as pa

from verify.disk import Disk

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Where = Literal["told", "lost", "unread", "pending", "elsewhere"]
BEHIND = "~"
"""Behind every line of a record, in text order."""


class Entry(NamedTuple):
    """An anomaly that is grave enough. ``state`` is its item's; None where it has none."""

    id: str
    symbol: str
    kind: str
    at: datetime
    shard: str
    position: str
    settled: bool
    refused: bool
    state: str | None
    same: bool
    """The item says the symbol, kind, time and place that the row has."""


class Stray(NamedTuple):
    """An item without such an anomaly. ``where`` is what is known of its place in the life:
    ``told`` (the anomalies of its cut were read), ``lost`` (they couldn't be), ``unread``
    (nobody asked), ``pending`` or ``elsewhere``."""

    id: str
    symbol: str
    kind: str
    shard: str
    position: str
    state: str
    where: Where


@dataclass(frozen=True)
class Lost:
    """Stretches in order: where each begins, and how far those up to it reach."""

    begins: list[str] = field(default_factory=list)
    reaches: list[str] = field(default_factory=list)

    def upto(self, position: str) -> str:
        """How far the anomalies before ``position`` are not all known; empty where they are."""
        at = bisect_left(self.begins, position)
        return self.reaches[at - 1] if at else ""


@dataclass
class AlertBook:
    """Of one alert sink; ``number`` tells books on one disk apart."""

    disk: Disk
    number: int

    def __post_init__(self) -> None:
        named = "id TEXT, symbol TEXT, kind TEXT, micros BIGINT, shard TEXT, position TEXT"
        self.disk.run(f"CREATE TABLE rows_{self.number} ({named}, settled BOOL)")
        self.disk.run(f"CREATE TABLE items_{self.number} ({named}, state TEXT)")
        self.disk.run(f"CREATE TABLE refused_{self.number} (id TEXT)")

    def add_rows(self, chosen: pa.Table, settled: bool) -> None:
        """Anomalies of a cut, as ``AlertRules.chosen`` gives them."""
        self.disk.insert(
            f"INSERT INTO rows_{self.number} SELECT id, symbol, kind, epoch_us(batch.at), shard, "
            "position, ? FROM batch",
            chosen,
            [settled],
        )

    def add_items(self, items: pa.Table) -> None:
        self.disk.insert(
            f"INSERT INTO items_{self.number} SELECT id, symbol, kind, epoch_us(batch.at), shard, "
            "position, state FROM batch",
            items,
        )

    def add_refused(self, chosen: pa.Table) -> None:
        self.disk.insert(f"INSERT INTO refused_{self.number} SELECT id FROM batch", chosen)

    def entries(self) -> Iterator[Entry]:
        """By symbol and kind, in the order of the stream."""
        rows = self.disk.each(
            f"""
            SELECT r.id, r.symbol, r.kind, r.micros, r.shard, r.position, r.settled,
                   r.id IN (SELECT id FROM refused_{self.number}), i.state,
                   coalesce((r.symbol, r.kind, r.micros, r.shard, r.position)
                          = (i.symbol, i.kind, i.micros, i.shard, i.position), false)
            FROM (SELECT id, symbol, kind, micros, shard, position, bool_or(settled) AS settled
                  FROM rows_{self.number} GROUP BY ALL) AS r
            LEFT JOIN items_{self.number} AS i USING (id)
            ORDER BY r.symbol, r.kind, r.position
            """
        )
        for row in rows:
            entry = Entry(*row)
            yield entry._replace(at=EPOCH + timedelta(microseconds=row[3]))

    def strays(self) -> Iterator[Stray]:
        """Items that no anomaly of the life is behind, and what is known of their places."""
        rows = self.disk.each(
            f"""
            SELECT i.id, i.symbol, i.kind, i.shard, i.position, i.state,
                   coalesce(s.known, CASE WHEN i.position > e.ends THEN 'pending' END, 'elsewhere')
            FROM items_{self.number} AS i ANTI JOIN rows_{self.number} AS r USING (id)
            LEFT JOIN stretches AS s
                ON s.shard = i.shard AND i.position > s.after AND i.position <= s.upto
            LEFT JOIN ends AS e ON e.shard = i.shard
            ORDER BY ALL
            """
        )
        return (Stray(*row) for row in rows)

    def items(self) -> int:
        found: int = self.disk.one(f"SELECT count(*) FROM items_{self.number}")[0]
        return found


@dataclass
class Stretches:
    """The cuts of the life, and what was read of them: where an item without a row belongs."""

    disk: Disk

    def __post_init__(self) -> None:
        self.disk.run("CREATE TABLE stretches (shard TEXT, after TEXT, upto TEXT, known TEXT)")
        self.disk.run("CREATE TABLE ends (shard TEXT, ends TEXT)")

    def add(self, shard: str, after: str, upto: str, known: Where) -> None:
        """A cut's stretch of the stream, as keys of positions; ``after`` is empty at HEAD."""
        begins = f"{after}-{BEHIND}" if after else ""
        row = [shard, begins, f"{upto}-{BEHIND}", known]
        self.disk.run("INSERT INTO stretches VALUES (?, ?, ?, ?)", row)

    def lost(self) -> Lost:
        """Those of which not all anomalies could be read."""
        query = "SELECT after, upto FROM stretches WHERE known = 'lost' ORDER BY after"
        found = self.disk.all(query)
        return Lost(
            [after for after, _ in found], list(accumulate((upto for _, upto in found), max))
        )

    def end(self, shard: str, at: str) -> None:
        """The chain of a shard that goes on stops at ``at``; empty at HEAD."""
        ends = f"{at}-{BEHIND}" if at else ""
        self.disk.run("INSERT INTO ends VALUES (?, ?)", [shard, ends])
