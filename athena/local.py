"""The local engine: DuckDB over the lake's objects, answering as Athena does or not at all.

Rules:
1. Read-only. SQL reaches neither files nor the network; the lake comes in as datasets.
2. Memory, threads and time are bounded.
3. What cannot be translated faithfully is refused by name.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError

from athena.answer import Answer, QueryError, Stats
from athena.library import VIEWS
from athena.macros import MACROS
from athena.objects import Opened, dataset, file_system, objects, unreadable
from athena.parameters import Value, bound, placeholders
from athena.translate import bindings, tables_in, translate
from config.site import Site
from kcl_app.core.schema import TABLES

NAMES = (*TABLES, *VIEWS)
TYPES = (
    *("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "DOUBLE", "DECIMAL"),
    *("VARCHAR", "DATE", "TIMESTAMP", "BLOB", "MAP", '"NULL"'),
)


@dataclass
class LocalEngine:
    """DuckDB over ``site``'s lake. Each answer lists the objects anew: it sees what is stored."""

    site: Site
    memory: str = "2GB"
    threads: int = 4
    timeout_s: float = 300
    now: Callable[[], float] = time.monotonic

    def answer(self, sql: str, params: Mapping[str, Value]) -> Answer:
        """The rows. Raises QueryError, NotTranslated or ParameterError with a sentence."""
        begun = self.now()
        values = bound(placeholders(sql).names, params)
        dates = {name for name, value in values.items() if type(value) is dt.date}
        ours = translate(sql, NAMES, self.site.settings.catalog.database, dates)
        opened = Opened()
        with duckdb.connect(":memory:", config={"integer_division": "true"}) as base:
            try:
                self._furnish(base, ours, opened)
            except (BotoCoreError, ClientError, OSError) as failed:
                raise unreadable(self.site, failed) from None
            table = self._run(base, ours, bindings(values))
        stats = Stats("duckdb", self.now() - begun, opened.bytes, len(opened.paths))
        return Answer(table, stats)

    def explain(self, sql: str) -> str:
        return translate(sql, NAMES, self.site.settings.catalog.database, {"from", "to"})

    def _furnish(self, base: duckdb.DuckDBPyConnection, sql: str, opened: Opened) -> None:
        """Give ``base`` what ``sql`` names and the macros, then shut every other door."""
        named = tables_in(sql)
        for macro in MACROS:
            base.execute(f"create macro {macro}")
        views = {name: translate(VIEWS[name], NAMES) for name in VIEWS if name in named}
        self._register(base, named.union(*map(tables_in, views.values())), opened)
        for name, view in views.items():
            base.execute(f"create view {name} as {view}")
        for setting in self._bounds():
            base.execute(f"set {setting}")

    def _register(
        self, base: duckdb.DuckDBPyConnection, named: frozenset[str], opened: Opened
    ) -> None:
        wanted = [table for name, table in TABLES.items() if name in named]
        if not wanted:
            return
        client, bucket = self.site.client("s3"), self.site.bucket
        files = file_system(self.site)
        for table in wanted:
            found = list(objects(client, bucket, self.site.prefix, table))
            opened.sizes |= {f"{bucket}/{o.key}": o.size for o in found}
            base.register(table.name, dataset(table, found, bucket, files, opened))

    def _bounds(self) -> tuple[str, ...]:
        return (
            "TimeZone = 'UTC'",
            f"memory_limit = '{self.memory}'",
            f"threads = {self.threads}",
            "temp_directory = ''",
            "python_enable_replacements = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "enable_external_access = false",
            "lock_configuration = true",
        )

    def _run(
        self, base: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Value]
    ) -> pa.Table:
        ended = threading.Event()
        timer = threading.Timer(self.timeout_s, _stop, (base, ended))
        timer.start()
        try:
            relation = base.sql(sql, params=dict(values))
            _answerable(relation)
            return _as_athena(relation)
        except duckdb.Error as failed:
            if ended.is_set():
                raise QueryError(f"no answer within {self.timeout_s:g} s; ask for less") from None
            raise QueryError(_sentence(failed)) from None
        finally:
            timer.cancel()


def _stop(base: duckdb.DuckDBPyConnection, ended: threading.Event) -> None:
    ended.set()
    base.interrupt()


def _answerable(relation: duckdb.DuckDBPyRelation) -> None:
    for name, kind in zip(relation.columns, relation.types, strict=True):
        if not str(kind).startswith(TYPES):
            raise QueryError(f"column {name} is of type {kind}, which has no like in Athena here")


def _as_athena(relation: duckdb.DuckDBPyRelation) -> pa.Table:
    """Whole sums are BIGINT in Athena, and out of range is an error there."""
    table: pa.Table = relation.to_arrow_table()
    for i, (name, kind) in enumerate(zip(relation.columns, relation.types, strict=True)):
        if str(kind) == "HUGEINT":
            try:
                table = table.set_column(i, name, table.column(i).cast(pa.int64()))
            except pa.ArrowInvalid:
                raise QueryError(f"column {name}: the sum does not fit a bigint") from None
    return table


def _sentence(failed: duckdb.Error) -> str:
    """DuckDB's first line, without its class."""
    first = str(failed).strip().splitlines()[0]
    return first.split(" Error: ", 1)[-1]
