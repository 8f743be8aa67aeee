"""A lake in memory, behind the same two doors: the store's five calls and a cold sink."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord, ObjectEntry, parse
from kcl_app.core.lake import object_key

Gate = Callable[[str], None]
DATED_BY = {"ticks": "timestamp", "anomalies": "timestamp", "bars": "start", "rejects": "arrival"}


@dataclass
class Lake:
    """What stands: bytes and tables by key. Shared by all workers."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    objects: dict[str, pa.Table] = field(default_factory=dict)

    def cuts(self, life: str = "") -> list[CutRecord]:
        lead = f"cuts/{life}"
        return [parse(body) for key, body in self.bodies.items() if key.startswith(lead)]

    def table(self, name: str, life: str = "") -> pa.Table:
        """All rows of a table (of one life), in the order of their cuts' names."""
        named = [key for key in sorted(self.objects) if key.startswith(f"{name}/")]
        parts = [self.objects[key] for key in named if f"/{life}" in key]
        return pa.concat_tables(parts) if parts else pa.table({})


@dataclass
class GatedStore:
    """``core.store.Store`` of one worker; each call passes its gate.

    Where ``answer_lost`` says so, a create is done, its answer gets lost, and the retry
    meets its own work.
    """

    lake: Lake
    gate: Gate
    answer_lost: Callable[[], bool] = lambda: False

    def create(self, key: str, body: bytes) -> bool:
        self.gate(f"create {key}")
        made = self.lake.bodies.setdefault(key, body) is body
        return made and not self.answer_lost()

    def put_once(self, key: str, body: bytes) -> None:
        self.gate(f"put {key}")
        self.lake.bodies.setdefault(key, body)

    def get(self, key: str) -> bytes | None:
        self.gate(f"get {key}")
        return self.lake.bodies.get(key)

    def list(self, prefix: str) -> Iterator[str]:
        self.gate(f"list {prefix}")
        return iter(sorted(key for key in self.lake.bodies if key.startswith(prefix)))

    def drop(self, key: str) -> None:
        self.gate(f"drop {key}")
        self.lake.bodies.pop(key, None)


@dataclass
class GatedSinks:
    """The fan-out's place: hot rows are collected, cold objects are put once, one by one."""

    lake: Lake
    gate: Gate

    def open(self) -> None:
        self.gate("open")

    def hot(self, batch: Batch) -> None:
        self.gate("hot")

    def cold(self, batch: Batch) -> None:
        assert batch.cut is not None
        for entry in batch.cut.objects:
            key = object_key(batch.cut, entry)
            self.gate(f"object {key}")
            self.lake.objects.setdefault(key, _rows(batch, entry))

    def close(self) -> None:
        pass


def _rows(batch: Batch, entry: ObjectEntry) -> pa.Table:
    table = batch.table(entry.table)
    days = pc.strftime(table[DATED_BY[entry.table]], "%Y-%m-%d")
    mask = pc.equal(days, entry.dt)
    if entry.interval:
        mask = pc.and_(mask, pc.equal(table["interval"], entry.interval))
    return table.filter(mask)
