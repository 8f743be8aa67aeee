"""One cut: its objects hold exactly what its record says. Read column by column, then let go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from kcl_app.core.cut import CutRecord, ObjectEntry
from kcl_app.core.lake import object_key
from kcl_app.core.position import key_after
from kcl_app.core.schema import TABLES
from verify.alertrules import AlertRules
from verify.findings import Finding
from verify.lake import Lake
from verify.manifest import reject_ids
from verify.positions import (
    POSITION,
    digest_of,
    distinct_records,
    doubled,
    ordered,
    outside,
    sample,
    strangers,
)
from verify.scope import Scope

TIMES = {"ticks": "timestamp", "anomalies": "timestamp", "bars": "start", "rejects": "arrival"}
"""The column whose UTC date is the row's dt."""
PAYLOAD = {"ticks": ("id",), "rejects": ("data", "partition_key")}
"""What completeness reads beside the positions."""


@dataclass
class CutProof:
    """What a cut's objects came to. Row counts are those of the objects in scope."""

    record: CutRecord
    settled: bool
    found: list[Finding] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    """Ticks and rejects that the record lists and no standing object holds."""
    unwritten: int = 0
    """The same of a pending cut: its objects may still come."""
    doubled: int = 0
    records: pa.Table | None = None
    ids: dict[str, pa.Array] = field(default_factory=dict)
    """Record ids of ``ticks`` and ``rejects``, where completeness is asked for."""
    anomalies: Literal["told", "lost", "unread"] = "told"
    """Whether all the cut's anomalies were read; ``unread`` are those out of scope."""
    chosen: list[pa.Table] = field(default_factory=list)
    """By alert sink the anomalies it tells."""


def prove(
    lake: Lake,
    record: CutRecord,
    settled: bool,
    scope: Scope,
    alerts: Sequence[AlertRules] = (),
) -> CutProof:
    """Read the cut's objects in scope and compare. Memory: one cut's positions and ids.

    ``alerts`` are the sinks whose anomalies are to be chosen.
    """
    proof = CutProof(record, settled)
    tables: dict[str, list[pa.Table]] = {}
    whole = True
    for entry in scope.opened(record):
        read = _Object(lake, record, entry, proof, bool(alerts)).read(scope)
        if read is not None:
            tables.setdefault(entry.table, []).append(read)
        whole = whole and (read is not None or entry.derived)
    if not scope.quick and record.kind == "cut":
        _prove_positions(proof, tables, whole, scope)
        if alerts:
            _choose(proof, tables.get("anomalies", []), scope, alerts)
    return proof


def _choose(
    proof: CutProof, anomalies: list[pa.Table], scope: Scope, alerts: Sequence[AlertRules]
) -> None:
    """What of the anomalies is to be told."""
    every = [entry for entry in proof.record.objects if entry.table == "anomalies"]
    if len(anomalies) < sum(map(scope.has, every)):
        proof.anomalies = "lost"
    elif len(anomalies) < len(every):
        proof.anomalies = "unread"
    schema = TABLES["anomalies"].arrow
    rows = pa.concat_tables([part.cast(schema) for part in anomalies] or [schema.empty_table()])
    proof.chosen = [rules.chosen(rows) for rules in alerts]


@dataclass
class _Object:
    lake: Lake
    record: CutRecord
    entry: ObjectEntry
    proof: CutProof
    told: bool = False
    """True where anomalies are wanted whole."""

    @property
    def key(self) -> str:
        return object_key(self.record, self.entry)

    def read(self, scope: Scope) -> pa.Table | None:
        """The columns that the proof needs; None where the object can't give them."""
        if self.entry.table not in TABLES:
            self._say("columns", f"table {self.entry.table} is not known to this release")
            return None
        opened = self.lake.open(self.key)
        if opened is None:
            self._absent()
            return None
        try:
            with pq.ParquetFile(opened.file, pre_buffer=True) as file:
                return self._inside(file, opened.metadata.get("values", ""), scope)
        except (pa.ArrowException, OSError) as broken:
            self._say("unreadable", f"{self.key} is no Parquet: {broken}", self.entry.rows)
            self._count_lost()
            return None

    def _absent(self) -> None:
        if self.proof.settled:
            self._say("lost", f"{self.key} doesn't stand", self.entry.rows)
            self._count_lost()
        elif not self.entry.derived:
            self.proof.unwritten += self.entry.rows

    def _count_lost(self) -> None:
        if not self.entry.derived:
            self.proof.lost += self.entry.rows

    def _inside(self, file: Any, values: str, scope: Scope) -> pa.Table | None:
        entry, proof = self.entry, self.proof
        held = file.metadata.num_rows
        if scope.has(entry):
            proof.rows[entry.table] = proof.rows.get(entry.table, 0) + held
            proof.objects[entry.table] = proof.objects.get(entry.table, 0) + 1
        if held != entry.rows and self._comparable(values):
            what = f"{self.key} holds {held} rows, its cut record says {entry.rows}"
            self._say("rows", what, abs(held - entry.rows))
            proof.lost += 0 if entry.derived else max(entry.rows - held, 0)
        if strange := _strange_columns(file.schema_arrow, entry.table):
            self._say("columns", f"{self.key}: {strange}", held)
            self._count_lost()
            return None
        self._dates(file)
        if entry.table == "anomalies" and self.told:
            return file.read(columns=TABLES["anomalies"].arrow.names)
        wanted = () if scope.quick or entry.table == "bars" else POSITION
        payload = PAYLOAD.get(entry.table, ()) if scope.whole else ()
        return file.read(columns=[*wanted, *payload])

    def _comparable(self, values: str) -> bool:
        """A derived object is its first writer's; only the same values give the same rows."""
        said = self.record.values.encode("ascii", "replace").decode()
        return not self.entry.derived or values == said

    def _dates(self, file: Any) -> None:
        for low, high in _extent(file, TIMES[self.entry.table]):
            if not low == high == date.fromisoformat(self.entry.dt):
                span = f"{low}" if low == high else f"{low} to {high}"
                self._say("misplaced", f"{self.key} holds rows of {span}")
                return

    def _say(self, kind: str, what: str, rows: int = 0) -> None:
        at = (key_after(self.record.begins_after),)
        self.proof.found.append(Finding(kind, what, self.record.shard, at, (self.key,), rows))


def _strange_columns(held: pa.Schema, table: str) -> str:
    """What differs from the table's schema in names and types; empty where nothing does."""
    wrong = []
    for column in TABLES[table].columns:
        index = held.get_field_index(column.name)
        if index < 0:
            wrong.append(f"no column {column.name}")
        elif held.field(index).type != column.type:
            wrong.append(f"{column.name} is {held.field(index).type}, not {column.type}")
    return ", ".join(wrong)


def _extent(file: Any, column: str) -> Iterator[tuple[date, date]]:
    """First and last UTC date of a time column, from the footer where it has statistics."""
    index = file.schema_arrow.get_field_index(column)
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    for number, group in enumerate(groups):
        if not group.num_rows:
            continue
        stats = _column(group, column, index).statistics
        if stats is not None and stats.has_min_max:
            yield _utc_date(stats.min), _utc_date(stats.max)
        else:
            values = file.read_row_group(number, columns=[column])[column]
            times = values.to_pylist()
            yield _utc_date(min(times)), _utc_date(max(times))


def _column(group: Any, name: str, index: int) -> Any:
    chunk = group.column(index)
    if chunk.path_in_schema == name:
        return chunk
    chunks = (group.column(i) for i in range(group.num_columns))
    return next(c for c in chunks if c.path_in_schema == name)


def _utc_date(time: datetime) -> date:
    return (time.astimezone(UTC) if time.tzinfo else time).date()


def _prove_positions(
    proof: CutProof, tables: dict[str, list[pa.Table]], whole: bool, scope: Scope
) -> None:
    """Ticks and rejects together are the records of the cut, each row at its own position."""
    record = proof.record
    placed = tables.get("ticks", []) + tables.get("rejects", [])
    asked = any(not entry.derived for entry in scope.opened(record)) or not record.objects
    if placed:
        rows = ordered(placed)
        _prove_order(proof, rows)
        if scope.against == "stream":
            proof.records = distinct_records(rows)
    if asked and whole:
        rows = ordered(placed) if placed else _NONE
        _prove_digest(proof, rows)
        _prove_records(proof, distinct_records(rows))
    if whole:
        _prove_anomalies(proof, tables)
    if scope.whole:
        proof.ids = {table: _ids(table, tables[table]) for table in PAYLOAD if table in tables}


def _ids(table: str, parts: list[pa.Table]) -> pa.Array:
    payload = pa.concat_tables(parts)
    if table == "rejects":
        return reject_ids(payload["data"], payload["partition_key"])
    return payload["id"].combine_chunks()


_NONE = pa.table(
    {
        "sequence": pa.array([], pa.string()),
        "sub_sequence": pa.array([], pa.int64()),
        "line": pa.array([], pa.int32()),
    }
)


def _prove_order(proof: CutProof, rows: pa.Table) -> None:
    record = proof.record
    twice = doubled(rows)
    if twice.num_rows:
        proof.doubled += twice.num_rows
        _say(proof, "double", f"{twice.num_rows} rows of {record.name} stand twice", twice)
    if record.first_at is not None and record.ends_at is not None:
        astray = outside(rows, record.first_at, record.ends_at)
        if astray.num_rows:
            what = f"{astray.num_rows} rows of {record.name} lie outside its stretch"
            _say(proof, "outside", what, astray)


def _prove_digest(proof: CutProof, rows: pa.Table) -> None:
    seen = digest_of(rows)
    if seen != proof.record.digest:
        what = (
            f"the rows of {proof.record.name} have the digest {seen}, its record says "
            f"{proof.record.digest or 'none'}"
        )
        _say(proof, "digest", what, rows)


def _prove_records(proof: CutProof, records: pa.Table) -> None:
    """Every record left a row, but for those dropped as a producer's repeat."""
    record = proof.record
    without = record.records - records.num_rows
    if not 0 <= without <= record.repeats:
        what = (
            f"{record.name} holds {record.records} records, {record.repeats} rows were dropped as "
            f"repeats, and {records.num_rows} records have rows"
        )
        _say(proof, "vanished", what, records[:0])


def _prove_anomalies(proof: CutProof, tables: dict[str, list[pa.Table]]) -> None:
    if "anomalies" not in tables or "ticks" not in tables:
        return
    flagged = pa.concat_tables(tables["anomalies"])
    lost = strangers(flagged, pa.concat_tables(tables["ticks"]))
    if lost.num_rows:
        what = f"{lost.num_rows} anomalies of {proof.record.name} name ticks it doesn't hold"
        _say(proof, "anomaly", what, lost)


def _say(proof: CutProof, kind: str, what: str, rows: pa.Table) -> None:
    record = proof.record
    keys = tuple(object_key(record, entry) for entry in record.objects if not entry.derived)
    proof.found.append(Finding(kind, what, record.shard, sample(rows), keys[:5], rows.num_rows))
