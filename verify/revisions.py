"""The bars of one partition and their revisions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from verify.disk import Disk


@dataclass
class Revisions:
    """Begun anew for each partition."""

    disk: Disk

    def begin(self) -> None:
        """Begin a partition of bars; those of the one before are forgotten."""
        self.disk.run(
            "CREATE OR REPLACE TABLE bars (symbol TEXT, start BIGINT, part TEXT, "
            "revision BIGINT, shard TEXT, key TEXT)"
        )

    def add(self, key: str, bars: pa.Table) -> None:
        """Rows of one object: symbol, start, part, revision, shard."""
        self.disk.insert(
            "INSERT INTO bars SELECT symbol, epoch_us(start), part, revision, shard, ? FROM batch",
            bars,
            [key],
        )

    def broken(self, most: int) -> tuple[int, int, list[dict[str, Any]]]:
        """(bars, broken, the first of those). A bar's revisions must be 1, 2, ... n, each once."""
        self.disk.run(
            """
            CREATE OR REPLACE TABLE windows AS
            SELECT symbol, start, part, sum(rows) AS held, count(*) AS revisions,
                   min(revision) AS low, max(revision) AS high
            FROM (SELECT symbol, start, part, revision, count(*) AS rows FROM bars GROUP BY ALL)
            GROUP BY symbol, start, part
            """
        )
        broken = "FROM windows WHERE held <> high OR revisions <> high OR low <> 1"
        rows = self.disk.all(
            f"""
            SELECT symbol, make_timestamp(start)::TEXT, part, any_value(held), any_value(low),
                   any_value(high), min(shard), list(DISTINCT key ORDER BY key)[:5]
            FROM (SELECT * {broken} ORDER BY symbol, start, part LIMIT ?)
            JOIN bars USING (symbol, start, part)
            GROUP BY symbol, start, part ORDER BY symbol, start, part
            """,
            [most],
        )
        names = ("symbol", "start", "part", "held", "low", "high", "shard", "objects")
        return (
            self.disk.one("SELECT count(*) FROM windows")[0],
            self.disk.one(f"SELECT count(*) {broken}")[0],
            [dict(zip(names, row, strict=True)) for row in rows],
        )
