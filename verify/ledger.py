"""What was listed, what stands, and who was seen: sets too large for memory, kept on disk.

Identities (a producer's record id, or a record's place on the stream) are kept as
128 bits of MD5, so a hundred million of them take 1.7 GB of disk whatever they say.
DuckDB holds them within ``memory`` and spills the rest below ``directory``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import duckdb
import pyarrow as pa

FLUSH = 50_000
NAMED = 1_000
"""Missing identities that are kept, so that some can be named."""

Seen = Literal["produced", "stored", "tick"]
"""A ``tick`` is stored, too, and counts as a repeat from its second time on."""
CODES: dict[Seen, int] = {"produced": 0, "stored": 1, "tick": 2}

LISTED = pa.schema(
    [
        ("key", pa.string()),
        ("name", pa.string()),
        ("interval", pa.string()),
        ("dt", pa.string()),
        ("settled", pa.bool_()),
    ]
)
STANDING = pa.schema([("key", pa.string())])


@dataclass(frozen=True)
class Count:
    """Distinct identities produced, those of them never seen stored, and ticks seen again."""

    produced: int
    missing: int
    repeated: int


@dataclass
class Ledger:
    """Opened on an empty directory, which the caller removes."""

    directory: Path
    memory: str = "512MB"
    threads: int = 2
    _db: Any = field(init=False, repr=False)
    _rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict, init=False, repr=False)
    _ids: list[tuple[int, pa.Array]] = field(default_factory=list, init=False, repr=False)

    def __enter__(self) -> Self:
        self._db = duckdb.connect(":memory:")
        for setting, value in (
            ("memory_limit", self.memory),
            ("threads", self.threads),
            ("temp_directory", str(self.directory)),
            ("preserve_insertion_order", False),
            ("enable_progress_bar", False),
        ):
            self._db.execute(f"SET {setting} = ?", [value])
        self._db.execute(
            'CREATE TABLE listed (key TEXT, name TEXT, "interval" TEXT, dt TEXT, settled BOOL)'
        )
        self._db.execute("CREATE TABLE standing (key TEXT)")
        self._db.execute("CREATE TABLE seen (h UHUGEINT, code UTINYINT)")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def list_object(
        self, key: str, table: str, interval: str, dt: str, settled: bool = True
    ) -> None:
        """A cut record lists ``key``."""
        self._row("listed", (key, table, interval, dt, settled))

    def stand(self, key: str) -> None:
        """The object ``key`` stands."""
        self._row("standing", (key,))

    def see(self, who: Seen, identities: pa.Array) -> None:
        """Identities as text; nulls are nobody."""
        if len(identities):
            self._ids.append((CODES[who], identities))
        if sum(len(ids) for _, ids in self._ids) >= FLUSH:
            self._flush_ids()

    def unlisted(self, most: int) -> tuple[int, list[str]]:
        """How many objects stand that nothing lists, and the first of them."""
        self._flush()
        where = "FROM standing ANTI JOIN listed USING (key)"
        count = self._one(f"SELECT count(*) {where}")[0]
        keys = self._db.execute(f"SELECT key {where} ORDER BY key LIMIT ?", [most]).fetchall()
        return count, [key for (key,) in keys]

    def partitions(self, table: str) -> list[tuple[str, str]]:
        """(interval, dt) of the table's listed and settled objects, in order."""
        self._flush()
        rows = self._db.execute(
            'SELECT DISTINCT "interval", dt FROM listed WHERE name = ? AND settled ORDER BY ALL',
            [table],
        )
        return [(interval, dt) for interval, dt in rows.fetchall()]

    def objects(self, table: str, interval: str, dt: str) -> Iterator[str]:
        """Keys of one partition's settled objects."""
        self._flush()
        rows = self._db.cursor().execute(
            'SELECT key FROM listed WHERE name = ? AND "interval" = ? AND dt = ? AND settled '
            "ORDER BY key",
            [table, interval, dt],
        )
        while batch := rows.fetchmany(1000):
            yield from (key for (key,) in batch)

    def count(self) -> Count:
        """Settle who was produced, stored and repeated."""
        self._flush_ids()
        counted = Count(
            *self._one(
                """
                SELECT count(*) FILTER (produced), count(*) FILTER (produced AND NOT stored),
                       coalesce(sum(greatest(ticks - 1, 0)), 0)::BIGINT
                FROM (
                    SELECT h, bool_or(code = 0) AS produced, bool_or(code > 0) AS stored,
                           count(*) FILTER (code = 2) AS ticks
                    FROM seen GROUP BY h
                )
                """
            )
        )
        self._db.execute("CREATE OR REPLACE TABLE absent (h UHUGEINT)")
        if counted.missing:
            self._db.execute(
                "INSERT INTO absent SELECT h FROM seen GROUP BY h HAVING max(code) = 0 LIMIT ?",
                [NAMED],
            )
        return counted

    def absent(self, identities: pa.Array) -> list[str]:
        """Those of the identities that ``count`` found missing; it keeps NAMED of them."""
        self._db.register("batch", pa.table({"id": identities}))
        rows = self._db.execute(
            "SELECT id FROM batch WHERE md5_number(id) IN (SELECT h FROM absent)"
        ).fetchall()
        self._db.unregister("batch")
        return [identity for (identity,) in rows]

    def begin_bars(self) -> None:
        """Begin a partition of bars; those of the one before are forgotten."""
        self._db.execute(
            "CREATE OR REPLACE TABLE bars (symbol TEXT, start BIGINT, part TEXT, "
            "revision BIGINT, shard TEXT, key TEXT)"
        )

    def add_bars(self, key: str, bars: pa.Table) -> None:
        """Rows of one object: symbol, start, part, revision, shard."""
        self._db.register("batch", bars)
        self._db.execute(
            "INSERT INTO bars SELECT symbol, epoch_us(start), part, revision, shard, ? FROM batch",
            [key],
        )
        self._db.unregister("batch")

    def broken_bars(self, most: int) -> tuple[int, int, list[dict[str, Any]]]:
        """(bars, broken, the first of those). A bar's revisions must be 1, 2, ... n, each once."""
        self._db.execute(
            """
            CREATE OR REPLACE TABLE windows AS
            SELECT symbol, start, part, sum(rows) AS held, count(*) AS revisions,
                   min(revision) AS low, max(revision) AS high
            FROM (SELECT symbol, start, part, revision, count(*) AS rows FROM bars GROUP BY ALL)
            GROUP BY symbol, start, part
            """
        )
        broken = "FROM windows WHERE held <> high OR revisions <> high OR low <> 1"
        rows = self._db.execute(
            f"""
            SELECT symbol, make_timestamp(start)::TEXT, part, any_value(held), any_value(low),
                   any_value(high), min(shard), list(DISTINCT key ORDER BY key)[:5]
            FROM (SELECT * {broken} ORDER BY symbol, start, part LIMIT ?)
            JOIN bars USING (symbol, start, part)
            GROUP BY symbol, start, part ORDER BY symbol, start, part
            """,
            [most],
        ).fetchall()
        names = ("symbol", "start", "part", "held", "low", "high", "shard", "objects")
        return (
            self._one("SELECT count(*) FROM windows")[0],
            self._one(f"SELECT count(*) {broken}")[0],
            [dict(zip(names, row, strict=True)) for row in rows],
        )

    def _row(self, table: str, row: tuple[Any, ...]) -> None:
        rows = self._rows.setdefault(table, [])
        rows.append(row)
        if len(rows) >= FLUSH:
            self._flush()

    def _flush(self) -> None:
        for table, schema in (("listed", LISTED), ("standing", STANDING)):
            rows = self._rows.pop(table, [])
            if rows:
                columns = [
                    pa.array(c, f.type)
                    for c, f in zip(zip(*rows, strict=True), schema, strict=True)
                ]
                self._insert(table, pa.table(columns, schema=schema))

    def _flush_ids(self) -> None:
        if not self._ids:
            return
        ids = pa.table(
            {
                "id": pa.chunked_array([ids for _, ids in self._ids], pa.string()),
                "code": pa.chunked_array(
                    [pa.array([code] * len(ids), pa.uint8()) for code, ids in self._ids]
                ),
            }
        )
        self._ids = []
        self._db.register("batch", ids)
        self._db.execute(
            "INSERT INTO seen SELECT md5_number(id), code FROM batch WHERE id IS NOT NULL"
        )
        self._db.unregister("batch")

    def _insert(self, table: str, rows: pa.Table) -> None:
        self._db.register("batch", rows)
        self._db.execute(f"INSERT INTO {table} SELECT * FROM batch")
        self._db.unregister("batch")

    def _one(self, query: str) -> tuple[Any, ...]:
        row: tuple[Any, ...] = self._db.execute(query).fetchall()[0]
        return row
