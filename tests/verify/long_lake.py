"""A long true lake in a folder, made by columns: as many cuts and ticks a cut as asked.

One shard, four cuts a day, a bar of each symbol and minute, a grave anomaly every thousandth
tick, and a manifest a cut. Run as a program it proves such a lake and prints what it took.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kcl_app.core.cut import CutRecord, ObjectEntry, Place, digest, encode
from kcl_app.core.lake import cut_key, manifest_key, object_key, snapshot_key
from kcl_app.core.position import Position
from kcl_app.core.schema import TABLES
from tests.verify.true_lake import STATE
from verify import Facts, Report, prove
from verify.alerting import Watched
from verify.alertitems import ITEMS
from verify.alertrules import AlertRules
from verify.chain import Checkpoint
from verify.completeness import against_manifests
from verify.lake import Opened, StoreLake
from verify.leases import Lease

LIFE, SHARD = "abcd1234", "shardId-000000000000"
FLAGGED = 1_000
BARS = 2_000
DAY = 86_400_000_000
BEGIN = 1_738_281_600_000_000
LEAD = "496" + "0" * 40
"""The first digits of every sequence number; thirteen follow."""


@dataclass(frozen=True)
class Folder:
    """``core.store.Store`` over files, as far as verify reads it."""

    path: Path

    def get(self, key: str) -> bytes | None:
        try:
            return (self.path / key).read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            return None

    def list(self, prefix: str) -> Iterator[str]:
        begin = self.path / prefix.rpartition("/")[0]
        for folder, _, names in begin.walk() if begin.is_dir() else ():
            for name in names:
                key = str((folder / name).relative_to(self.path))
                if key.startswith(prefix):
                    yield key

    def put(self, key: str, body: bytes) -> None:
        path = self.path / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def create(self, key: str, body: bytes) -> bool:
        raise NotImplementedError("the proof writes nothing")

    def put_once(self, key: str, body: bytes) -> None:
        raise NotImplementedError("the proof writes nothing")

    def drop(self, key: str) -> None:
        raise NotImplementedError("the proof writes nothing")


class FolderLake(StoreLake):
    def open(self, key: str) -> Opened | None:
        try:
            return Opened(open(self.store.path / key, "rb"), {})  # type: ignore[attr-defined]
        except FileNotFoundError:
            return None


def make(path: Path, cuts: int, rows: int) -> None:
    """Write the lake."""
    folder, after = Folder(path), None
    for number in range(cuts):
        numbers = np.arange(number * rows + 1, (number + 1) * rows + 1)
        after = _cut(folder, number, numbers, after)
    folder.put(snapshot_key(LIFE, SHARD, after), STATE)


def _cut(folder: Folder, number: int, numbers: Any, after: Position | None) -> Position:
    rows = len(numbers)
    day = BEGIN + number // 4 * DAY
    times = day + np.sort(np.random.default_rng(number).integers(0, DAY, rows))
    sequences = _joined(LEAD, pa.array(numbers * 37))
    ticks = _table(
        "ticks",
        rows,
        timestamp=times,
        arrival=times,
        sequence=sequences,
        id=_joined("20250131T150405Z-1a2b3c-", pa.array(numbers)),
        price=np.random.default_rng(number).random(rows),
    )
    bars = _table(
        "bars",
        BARS,
        start=day + 60_000_000 * (np.arange(BARS) % 1_440),
        symbol=pa.array([f"S{n // 1_440}" for n in range(BARS)]),
        revision=np.full(BARS, number % 4 + 1),
    )
    dt = str(np.datetime64(day, "us").astype("datetime64[D]"))
    flagged = ticks.take(np.arange(0, rows, FLAGGED))
    anomalies = _table(
        "anomalies",
        len(flagged),
        severity=pa.array(["high"] * len(flagged)),
        **{name: flagged[name] for name in ("timestamp", "arrival", "sequence")},
    )
    tables = {"ticks": (ticks, ""), "bars": (bars, "1m"), "anomalies": (anomalies, "")}
    texts = sequences.to_pylist()
    zeros = np.zeros(rows)
    record = CutRecord(
        LIFE,
        SHARD,
        Place.of(after) if after else None,
        Place(texts[0]),
        Place(texts[-1]),
        records=rows,
        rows=rows,
        digest=digest(texts, zeros, zeros),
        objects=tuple(
            ObjectEntry(name, dt, len(held), interval, TABLES[name].derived)
            for name, (held, interval) in tables.items()
        ),
    )
    folder.put(cut_key(LIFE, SHARD, after), encode(record))
    for entry in record.objects:
        folder.put(object_key(record, entry), _parquet(tables[entry.table][0]))
    folder.put(manifest_key("run", number + 1), _parquet(ticks.select(["id"])))
    return Position(texts[-1])


def _joined(lead: str, numbers: pa.Array) -> pa.Array:
    padded = pc.utf8_lpad(numbers.cast(pa.string()), 13, padding="0")
    return pc.binary_join_element_wise(pa.scalar(lead), padded, "")


def _table(name: str, rows: int, **columns: Any) -> pa.Table:
    """Columns that are not given are the same in every row."""
    schema = TABLES[name].arrow
    given = {
        column: values
        if isinstance(values, pa.Array | pa.ChunkedArray)
        else pa.array(values).cast(schema.field(column).type)
        for column, values in columns.items()
    }
    constant = {pa.string(): "AAA", pa.float64(): 1.5}
    arrays = [
        given[f.name]
        if f.name in given
        else pa.repeat(pa.scalar(SHARD), rows)
        if f.name == "shard"
        else pa.repeat(pa.scalar(constant.get(f.type, 0), _plain(f.type)), rows).cast(f.type)
        for f in schema
    ]
    return pa.table(arrays, schema=schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    """A type that a number can be made of, and that casts to ``kind``."""
    if pa.types.is_timestamp(kind) or pa.types.is_decimal(kind):
        return pa.int64() if pa.types.is_timestamp(kind) else pa.decimal128(20, 0)
    return pa.int32() if pa.types.is_date(kind) else kind


def _parquet(table: pa.Table) -> bytes:
    body = io.BytesIO()
    few = [f.name for f in table.schema if f.name not in ("id", "sequence", "price", "timestamp")]
    pq.write_table(table, body, compression="zstd", use_dictionary=few)
    return body.getvalue()


@dataclass(frozen=True)
class AllTold:
    """An alert table with an item of every anomaly of the folder."""

    lake: FolderLake
    rules: AlertRules

    def stands(self) -> bool:
        return True

    def expires(self) -> bool:
        return False

    def items(self) -> Iterator[pa.Table]:
        for key in self.lake.keys("anomalies/"):
            opened = self.lake.open(key)
            assert opened is not None
            chosen = self.rules.chosen(pq.read_table(opened.file))
            yield chosen.append_column(
                ITEMS.field("state"), pa.repeat(pa.scalar("done"), len(chosen))
            )


def proof(path: Path, memory: str) -> Report:
    """The lake's proof, whole, with at most ``memory`` in DuckDB."""
    lake = FolderLake(Folder(path))
    (last,) = (key.rpartition("/")[2] for key in lake.keys("snapshots/"))
    at = Position(last.split("-")[0])
    rules = AlertRules("sns", "alerts", "high", timedelta(0))
    return prove(
        lake,
        Facts(LIFE, "app", {SHARD: Lease(SHARD, Checkpoint("position", at))}),
        completeness=against_manifests,
        memory=memory,
        watched=[Watched(rules, AllTold(lake, rules))],
    )


def measured(path: Path, memory: str) -> dict[str, Any]:
    """What the proof says, and this process' peak of memory before and behind it, in bytes."""
    before, began, used = _peak(), time.monotonic(), time.process_time()
    proven = proof(path, memory)
    return {
        "line": proven.line,
        "ok": proven.ok,
        "alerts": vars(proven.alerts[0]),
        "before": before,
        "peak": _peak(),
        "seconds": time.monotonic() - began,
        "cpu": time.process_time() - used,
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measured(Path(sys.argv[1]), sys.argv[2])))
