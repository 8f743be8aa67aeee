"""What was listed, and what stands: objects by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from verify.disk import Disk

FLUSH = 50_000
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


@dataclass
class Inventory:
    """Keys that cut records list, against keys that were found."""

    disk: Disk
    _rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        self.disk.run(
            'CREATE TABLE listed (key TEXT, name TEXT, "interval" TEXT, dt TEXT, settled BOOL)'
        )
        self.disk.run("CREATE TABLE standing (key TEXT)")

    def list_object(
        self, key: str, table: str, interval: str, dt: str, settled: bool = True
    ) -> None:
        """A cut record lists ``key``."""
        self._row("listed", (key, table, interval, dt, settled))

    def stand(self, key: str) -> None:
        """The object ``key`` stands."""
        self._row("standing", (key,))

    def unlisted(self, most: int) -> tuple[int, list[str]]:
        """How many objects stand that nothing lists, and the first of them."""
        self._flush()
        where = "FROM standing ANTI JOIN listed USING (key)"
        count = self.disk.one(f"SELECT count(*) {where}")[0]
        keys = self.disk.all(f"SELECT key {where} ORDER BY key LIMIT ?", [most])
        return count, [key for (key,) in keys]

    def partitions(self, table: str) -> list[tuple[str, str]]:
        """(interval, dt) of the table's listed and settled objects, in order."""
        self._flush()
        rows = self.disk.all(
            'SELECT DISTINCT "interval", dt FROM listed WHERE name = ? AND settled ORDER BY ALL',
            [table],
        )
        return [(interval, dt) for interval, dt in rows]

    def objects(self, table: str, interval: str, dt: str) -> Iterator[str]:
        """Keys of one partition's settled objects."""
        self._flush()
        rows = self.disk.each(
            'SELECT key FROM listed WHERE name = ? AND "interval" = ? AND dt = ? AND settled '
            "ORDER BY key",
            [table, interval, dt],
        )
        return (key for (key,) in rows)

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
                batch = pa.table(columns, schema=schema)
                self.disk.insert(f"INSERT INTO {table} SELECT * FROM batch", batch)
