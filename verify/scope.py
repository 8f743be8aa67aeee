"""How much of the lake is to be proven."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kcl_app.core.cut import CutRecord, ObjectEntry
from kcl_app.core.schema import TABLES

Against = Literal["manifest", "stream", "nothing"]


@dataclass(frozen=True)
class Scope:
    """Nothing given is everything. Chains are always proven wholly.

    ``start`` and ``end`` are dt's, ISO text, both inclusive. A cut that touches the
    range is proven wholly; what is counted are the objects in range. ``quick``
    reads footers only: chain, existence, row counts and dates, no positions.
    """

    shards: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset(TABLES)
    start: str = ""
    end: str = ""
    quick: bool = False
    against: Against = "manifest"

    @property
    def whole(self) -> bool:
        """True where every tick and reject is read, so that completeness can be asked."""
        dates = self.start or self.end
        return not (self.shards or dates or self.quick) and {"ticks", "rejects"} <= self.tables

    def __str__(self) -> str:
        """In words; empty where it is everything."""
        asked = {
            "shards": ", ".join(sorted(self.shards)),
            "tables": "" if self.tables == frozenset(TABLES) else ", ".join(sorted(self.tables)),
            "from": self.start,
            "to": self.end,
            "quick": "yes" if self.quick else "",
        }
        return "; ".join(f"{name} {value}" for name, value in asked.items() if value)

    def has_shard(self, shard: str) -> bool:
        return not self.shards or shard in self.shards

    def has_date(self, dt: str) -> bool:
        return (not self.start or dt >= self.start) and (not self.end or dt <= self.end)

    def has(self, entry: ObjectEntry) -> bool:
        return entry.table in self.tables and self.has_date(entry.dt)

    def opened(self, record: CutRecord) -> list[ObjectEntry]:
        """The cut's objects to read: those in scope, and what their proof needs.

        The digest is over ticks and rejects together, and an anomaly needs its ticks.
        """
        chosen = [entry for entry in record.objects if self.has(entry)]
        if not any(entry.table != "bars" for entry in chosen):
            return chosen
        needed = [e for e in record.objects if not e.derived and e not in chosen]
        return chosen + ([] if self.quick else needed)
