"""A small true lake, written as the application would, and kept in memory to be damaged.

    shard A: 3 cuts over two days, END ──┬── shard B: 2 cuts, 1 of them pending
                                         └── shard C: 1 cut, no reject
Two symbols, a tick a minute; every tenth line is a reject, every seventh tick an anomaly.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kcl_app.core.cut import CutRecord, ObjectEntry, Place, digest, encode
from kcl_app.core.flow import Flow, Rules
from kcl_app.core.lake import cut_key, manifest_key, object_key, snapshot_key
from kcl_app.core.position import Position
from kcl_app.core.schema import TABLES
from verify import Facts, Report, Scope, prove
from verify.chain import Checkpoint
from verify.completeness import against_manifests
from verify.lake import StoreLake
from verify.leases import Lease

LIFE = "life-1"
A, B, C = "shardId-000000000000", "shardId-000000000001", "shardId-000000000002"
MIDNIGHT = datetime(2025, 1, 31, 23, 40, tzinfo=UTC)
Row = dict[str, Any]
STATE = Flow("", Rules("UTC", (), ())).snapshot()
"""Of no symbol."""


@dataclass
class MemoryStore:
    """``core.store.Store`` over a dict."""

    bodies: dict[str, bytes] = field(default_factory=dict)

    def create(self, key: str, body: bytes) -> bool:
        return self.bodies.setdefault(key, body) is body

    def put_once(self, key: str, body: bytes) -> None:
        self.create(key, body)

    def get(self, key: str) -> bytes | None:
        return self.bodies.get(key)

    def list(self, prefix: str) -> Iterator[str]:
        return iter(sorted(key for key in self.bodies if key.startswith(prefix)))

    def drop(self, key: str) -> None:
        self.bodies.pop(key, None)


def parquet(table: str, rows: list[Row]) -> bytes:
    schema = TABLES[table].arrow
    columns = [
        pa.array([row.get(name) for row in rows], schema.field(name).type) for name in schema.names
    ]
    body = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), body)
    return body.getvalue()


def rows_of(body: bytes) -> list[Row]:
    rows: list[Row] = pq.read_table(io.BytesIO(body)).to_pylist()
    return rows


@dataclass
class Tape:
    """Makes one shard's lines, minute after minute, each at a sequence number of its own."""

    shard: str
    at: int
    step: int = 7
    lines: int = 0

    def line(self) -> Row:
        number, self.lines = self.lines, self.lines + 1
        time = MIDNIGHT + timedelta(minutes=number)
        return {
            "symbol": ("AAA", "BBB")[number % 2],
            "timestamp": time,
            "arrival": time + timedelta(seconds=1),
            "price": 100.0 + number,
            "kind": "trade",
            "id": f"{self.shard[-1]}-{number}",
            "exchange_date": time.date(),
            "exchange_hour": time.hour,
            "exchange_minute": time.minute,
            "shard": self.shard,
            "sequence": f"0{self.at + self.step * number}",
            "sub_sequence": number % 3,
            "line": 0,
        }


def reject(line: Row) -> Row:
    data = json.dumps({"id": line["id"], "price": "dear"}).encode()
    data = data[:-1] if line["sub_sequence"] == 0 else data
    return {**line, "reason": "price is dear", "data": data, "partition_key": line["symbol"]}


def anomaly(line: Row, severity: str) -> Row:
    return {**line, "kind": "z_score", "severity": severity, "score": 7.0, "reason": "far off"}


@dataclass
class TrueLake:
    store: MemoryStore = field(default_factory=MemoryStore)
    records: dict[str, CutRecord] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    produced: list[str] = field(default_factory=list)
    revisions: dict[tuple[str, str, datetime], int] = field(default_factory=dict)
    severity: str = "low"

    def cut(
        self, tape: Tape, after: Position | None, lines: int, stored: Collection[str] = TABLES
    ) -> Position:
        """Take ``lines`` lines as the cut after ``after``, and write its objects of the tables
        ``stored``. Returns where it ends."""
        taken = [tape.line() for _ in range(lines)]
        self.produced += [line["id"] for line in taken]
        bad = [line for line in taken if int(line["id"].split("-")[1]) % 10 == 9]
        good = [line for line in taken if line not in bad]
        tables = {
            ("ticks", ""): good,
            ("rejects", ""): [reject(line) for line in bad],
            ("anomalies", ""): [anomaly(line, self.severity) for line in good[::7]],
            ("bars", "1h"): self._bars(good),
        }
        first, last = (Position(t["sequence"], t["sub_sequence"]) for t in (taken[0], taken[-1]))
        record = CutRecord(
            LIFE,
            tape.shard,
            Place.of(after) if after else None,
            Place.of(first),
            Place.of(last),
            records=len(taken),
            rows=len(good),
            rejects=len(bad),
            digest=digest(
                [t["sequence"] for t in taken],
                [t["sub_sequence"] for t in taken],
                [t["line"] for t in taken],
            ),
            objects=tuple(self._objects(tables)),
        )
        self.put(record)
        for (table, interval), rows in tables.items():
            for entry in record.objects:
                if table in stored and (entry.table, entry.interval) == (table, interval):
                    held = [row for row in rows if dt(table, row) == entry.dt]
                    self.store.bodies[object_key(record, entry)] = parquet(table, held)
        return last

    def put(self, record: CutRecord) -> None:
        key = cut_key(record.life, record.shard, record.begins_after)
        self.records[key] = record
        self.store.bodies[key] = encode(record)

    def end(self, shard: str, at: Position) -> None:
        self.put(CutRecord(LIFE, shard, Place.of(at), kind="end"))
        self.snapshot(shard, at)

    def snapshot(self, shard: str, at: Position) -> None:
        self.store.bodies[snapshot_key(LIFE, shard, at)] = STATE

    def manifest(self) -> None:
        body = io.BytesIO()
        pq.write_table(pa.table({"id": pa.array(self.produced, pa.string())}), body)
        self.store.bodies[manifest_key("run", 1)] = body.getvalue()

    def lease(self, shard: str, checkpoint: Checkpoint, *parents: str) -> None:
        self.leases[shard] = Lease(shard, checkpoint, frozenset(parents))

    def _bars(self, ticks: list[Row]) -> list[Row]:
        touched = {}
        for tick in ticks:
            start = tick["timestamp"].replace(minute=0)
            touched[tick["symbol"], start] = tick
        return [self._bar(symbol, start, tick) for (symbol, start), tick in touched.items()]

    def _bar(self, symbol: str, start: datetime, tick: Row) -> Row:
        whose = (tick["shard"], symbol, start)
        self.revisions[whose] = self.revisions.get(whose, 0) + 1
        prices = dict.fromkeys(("open", "high", "low", "close"), tick["price"])
        return {
            **tick,
            **prices,
            "start": start,
            "end": start + timedelta(hours=1),
            "volume": 1.0,
            "notional": Decimal(1),
            "ticks": 1,
            "first_at": start,
            "last_at": start,
            "part": f"{tick['shard']}-{start:%H}",
            "revision": self.revisions[whose],
        }

    def _objects(self, tables: dict[tuple[str, str], list[Row]]) -> Iterator[ObjectEntry]:
        for (table, interval), rows in tables.items():
            days = [dt(table, row) for row in rows]
            for day in sorted(set(days)):
                derived = TABLES[table].derived
                yield ObjectEntry(table, day, days.count(day), interval, derived)

    # --- looking, and damaging -----------------------------------------------------

    def chain(self, shard: str) -> list[CutRecord]:
        """The shard's records in stream order."""
        mine = [record for record in self.records.values() if record.shard == shard]
        return sorted(mine, key=lambda r: r.begins_after.order if r.begins_after else (-1, 0))

    def objects(self, table: str, shard: str = A) -> list[str]:
        """Keys of a shard's done objects of ``table``, in stream order."""
        records = [r for r in self.chain(shard) if shard != B or r.after is None]
        return [object_key(r, o) for r in records for o in r.objects if o.table == table]

    def rewrite(self, key: str, rows: list[Row]) -> None:
        self.store.bodies[key] = parquet(key.split("/")[0], rows)

    def rows(self, key: str) -> list[Row]:
        return rows_of(self.store.bodies[key])

    def proof(self, scope: Scope | None = None, **facts: Any) -> Report:
        known = {"life": LIFE, "application": "app", "leases": self.leases, **facts}
        return prove(
            StoreLake(self.store), Facts(**known), scope or Scope(), completeness=against_manifests
        )


def dt(table: str, row: Row) -> str:
    name = {"rejects": "arrival", "bars": "start"}.get(table, "timestamp")
    day: date = row[name].date()
    return day.isoformat()


def true_lake(
    pending: bool = True, stored: Collection[str] = (), severity: str = "low"
) -> TrueLake:
    """The lake of this page. ``pending`` adds B's second cut, whose objects don't stand yet,
    but for those of the tables ``stored``. All anomalies have the one ``severity``."""
    lake = TrueLake(severity=severity)
    at: Position | None = None
    tape = Tape(A, 1_000)
    for lines in (15, 20, 12):
        at = lake.cut(tape, at, lines)
    assert at is not None
    lake.end(A, at)
    lake.lease(A, Checkpoint("end"))
    young = Tape(B, 5_000)
    done = lake.cut(young, None, 16)
    lake.snapshot(B, done)
    lake.lease(B, Checkpoint("position", done), A)
    other = Tape(C, 6_000)
    last = lake.cut(other, None, 8)
    lake.snapshot(C, last)
    lake.lease(C, Checkpoint("position", last), A)
    if pending:
        lake.cut(young, done, 9, stored)
    lake.manifest()
    return lake
