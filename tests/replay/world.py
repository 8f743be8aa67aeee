"""A lake in memory whose objects are Parquet, a stream that made it, and a replay of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kcl_app.core.contract import Batch
from kcl_app.core.decode import Decoder
from kcl_app.core.flow import Rules
from kcl_app.core.lake import object_key
from kcl_app.core.records import Records
from kcl_app.core.repeats import Horizon
from kcl_app.core.schema import TABLES
from kcl_app.core.windows import window
from kcl_app.detect.rules import ChangeRule, TrendRule, ZScoreRule
from kcl_app.kept_checkpoints import KeptCheckpoints
from kcl_app.opencut import Limits
from kcl_app.pace import Pace
from kcl_app.processor import ShardProcessor
from replay.drive import Begin, Call, drive
from replay.lake import LakeOrigin
from replay.origin import Origin
from replay.stored import StoredDecoder
from sinks.placement import objects
from verify.lake import StoreLake

LIFE, NEW = "abcd1234", "ffff0000"
ZONE = "America/New_York"
RULES = Rules(ZONE, (window("1m"), window("1h")), (ChangeRule(), ZScoreRule(2.0), TrendRule()))
KEPT = replace(RULES, horizon=Horizon(most=0))
"""Of a replay of a lake: repeats are left out already."""


Rows = list[tuple[Any, ...]]


class Killed(BaseException):
    """A crash between any two calls."""


@dataclass
class Bodies:
    """A store, and cold sinks that write to it. ``fuse`` writes are let through, then it blows."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    fuse: float = float("inf")

    def create(self, key: str, body: bytes) -> bool:
        self._burn()
        return self.bodies.setdefault(key, body) is body

    def put_once(self, key: str, body: bytes) -> None:
        self.create(key, body)

    def get(self, key: str) -> bytes | None:
        return self.bodies.get(key)

    def list(self, prefix: str) -> Iterator[str]:
        return iter(sorted(key for key in self.bodies if key.startswith(prefix)))

    def drop(self, key: str) -> None:
        self._burn()
        self.bodies.pop(key, None)

    def open(self) -> None: ...

    def close(self) -> None: ...

    def hot(self, batch: Batch) -> None: ...

    def cold(self, batch: Batch) -> None:
        assert batch.cut is not None
        for entry, rows in objects(batch):
            body = io.BytesIO()
            pq.write_table(rows, body)
            self.put_once(object_key(batch.cut, entry), body.getvalue())

    def _burn(self) -> None:
        self.fuse -= 1
        if self.fuse < 0:
            raise Killed

    def table(self, name: str) -> pa.Table:
        """All rows of a table; bars with their interval."""
        parts = []
        for key in self.list(f"{name}/"):
            rows = pq.read_table(io.BytesIO(self.bodies[key]))
            if name == "bars":
                interval = key.split("/")[1].removeprefix("interval=")
                rows = rows.append_column("interval", pa.array([interval] * len(rows)))
            parts.append(rows)
        return pa.concat_tables(parts) if parts else TABLES[name].arrow.empty_table()

    def rows(self, name: str, without: Sequence[str] = ()) -> Rows:
        """Rows that compare bit for bit, in an order of their own."""
        table = self.table(name).drop_columns(list(without))
        return sorted(map(tuple, map(dict.values, table.to_pylist())), key=repr)

    def final_bars(self, without: Sequence[str] = ()) -> Rows:
        """The highest revision of each part, whatever its number."""
        highest: dict[tuple[Any, ...], dict[str, Any]] = {}
        for row in self.table("bars").sort_by("revision").to_pylist():
            highest[row["interval"], row["symbol"], row["start"], row["part"]] = row
        gone = {"revision", *without}
        plain = [tuple(v for k, v in row.items() if k not in gone) for row in highest.values()]
        return sorted(plain, key=repr)


class Now(Executor):
    """Uploads at once, in the caller's thread."""

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(*given, **named))
        return done


def processor(
    bodies: Bodies,
    life: str,
    rules: Rules = RULES,
    decoder: type[Decoder] = Decoder,
    cut: int = 7,
    parents: Callable[[str], Sequence[str]] = lambda shard: (),
) -> ShardProcessor:
    never = float("inf")
    return ShardProcessor(
        store=bodies,
        sinks=bodies,
        decoder=decoder(ZONE, 1990, 2099),
        rules=rules,
        life=life,
        writer=Now(),
        now=lambda: 0.0,
        sleep=lambda seconds: None,
        limits=Limits(cut, 1_000_000, 32),
        pace=Pace(never, never, never, 2),
        parents=parents,
    )


def stream(
    bodies: Bodies, shard: str, records: Records, calls: int = 5, ended: bool = True, **made: Any
) -> None:
    """What the application leaves of a shard that Kinesis delivers in ``calls`` at a time."""
    worker = processor(bodies, LIFE, **made)
    checkpointer = KeptCheckpoints(bodies, LIFE).of(shard)
    worker.initialize(Begin(shard))
    for start in range(0, len(records), calls):
        worker.process_records(Call(checkpointer, records.slice(start, start + calls)))
    end = worker.shard_ended if ended else worker.shutdown_requested
    end(Call(checkpointer))


def origin_of(bodies: Bodies) -> LakeOrigin:
    return LakeOrigin(StoreLake(bodies), LIFE, "memory")


def replayed(
    origin: Origin,
    into: Bodies | None = None,
    rules: Rules = KEPT,
    cut: int = 11,
    decoder: type[Decoder] = StoredDecoder,
) -> Bodies:
    """The lake of a backfill, gone on with where ``into`` stands."""
    into = into or Bodies()
    checkpoints = KeptCheckpoints(into, NEW)
    for shard in origin.shards():
        worker = processor(into, NEW, rules, decoder, cut, origin.parents)
        drive(worker, origin, shard, checkpoints, lambda records: None, lambda: False)
    return into
