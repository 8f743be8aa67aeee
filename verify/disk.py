"""Sets too large for memory, in a DuckDB that spills to disk.

DuckDB holds them within ``memory`` and writes the rest below ``directory``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

FETCHED = 1_000
"""Rows of an answer that are Python objects at a time."""
Row = tuple[Any, ...]


class TooLittleMemory(Exception):
    """``memory`` is too little for these sets. The text says what to do."""


@dataclass
class Disk:
    """Opened on an empty directory, which the caller removes. One thread uses it."""

    directory: Path
    memory: str = "512MB"
    threads: int = 2
    _db: Any = field(init=False, repr=False)

    def __enter__(self) -> Self:
        self._db = duckdb.connect(":memory:")
        for setting, value in (
            ("memory_limit", self.memory),
            ("threads", self.threads),
            ("temp_directory", str(self.directory)),
            ("enable_progress_bar", False),
        ):
            self._db.execute(f"SET {setting} = ?", [value])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def run(self, query: str, given: Sequence[Any] = ()) -> None:
        with self._bounded():
            self._db.execute(query, list(given))

    def insert(self, query: str, batch: pa.Table, given: Sequence[Any] = ()) -> None:
        """Run ``query``, which reads ``batch`` by that name."""
        with self._with(batch):
            self._db.execute(query, list(given))

    def table(self, query: str, batch: pa.Table) -> pa.Table:
        """The answer of a query that reads ``batch`` by that name; rows stay in order."""
        with self._with(batch):
            return self._db.sql(query).to_arrow_table()

    def one(self, query: str, given: Sequence[Any] = ()) -> Row:
        """The first row of the answer."""
        return self.all(query, given)[0]

    def all(self, query: str, given: Sequence[Any] = ()) -> list[Row]:
        with self._bounded():
            rows: list[Row] = self._db.execute(query, list(given)).fetchall()
        return rows

    def each(self, query: str, given: Sequence[Any] = ()) -> Iterator[Row]:
        """The answer's rows, some at a time; other queries may run in between."""
        with self._bounded():
            answer = self._db.cursor().execute(query, list(given))
        while rows := answer.fetchmany(FETCHED):
            yield from rows

    @contextmanager
    def _with(self, batch: pa.Table) -> Iterator[None]:
        self._db.register("batch", batch)
        try:
            with self._bounded():
                yield
        finally:
            self._db.unregister("batch")

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        try:
            yield
        except duckdb.OutOfMemoryException as wrong:
            raise TooLittleMemory(
                f"the sets on disk cannot be settled within {self.memory} of memory: give more "
                "with --memory 2GB, or prove fewer days with --from and --to"
            ) from wrong
