"""One cut: its objects hold exactly what its record says. Read column by column, then let go."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from kcl_app.core.cut import CutRecord
from kcl_app.core.lake import object_key
from kcl_app.core.schema import TABLES
from verify.alertrules import AlertRules
from verify.cutobject import PAYLOAD, CutObject
from verify.cutresult import CutProof
from verify.findings import Finding
from verify.lake import Lake
from verify.manifest import reject_ids
from verify.positions import (
    digest_of,
    distinct_records,
    doubled,
    ordered,
    outside,
    sample,
    strangers,
)
from verify.scope import Scope


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
        read = CutObject(lake, record, entry, proof, bool(alerts)).read(scope)
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
