"""One object of a cut: it stands, with the rows and columns that it must have."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kcl_app.core.cut import CutRecord, ObjectEntry
from kcl_app.core.lake import object_key
from kcl_app.core.position import key_after
from kcl_app.core.schema import TABLES
from verify.cutresult import CutProof
from verify.findings import Finding
from verify.footers import TIMES, extent, strange_columns
from verify.lake import Lake
from verify.positions import POSITION
from verify.scope import Scope

PAYLOAD = {"ticks": ("id",), "rejects": ("data", "partition_key")}
"""What completeness reads beside the positions."""


@dataclass
class CutObject:
    """Read into the columns that the proof needs; what is wrong goes to ``proof``."""

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
        if strange := strange_columns(file.schema_arrow, entry.table):
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
        for low, high in extent(file, TIMES[self.entry.table]):
            if not low == high == date.fromisoformat(self.entry.dt):
                span = f"{low}" if low == high else f"{low} to {high}"
                self._say("misplaced", f"{self.key} holds rows of {span}")
                return

    def _say(self, kind: str, what: str, rows: int = 0) -> None:
        at = (key_after(self.record.begins_after),)
        self.proof.found.append(Finding(kind, what, self.record.shard, at, (self.key,), rows))
