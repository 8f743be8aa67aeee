"""A shard's cut records, as they stand in the lake."""

from __future__ import annotations

from dataclasses import dataclass

from kcl_app.core.cut import CutRecord, Place, encode, parse
from kcl_app.core.lake import cut_key
from kcl_app.core.position import Position
from kcl_app.core.store import Store
from kcl_app.gap import next_gap


@dataclass(frozen=True)
class Standing:
    """The records of one shard in one life. First wins: none is ever changed."""

    store: Store
    life: str
    shard: str

    def after(self, at: Position | None) -> CutRecord | None:
        """The record that begins after ``at``, or at the shard's head for None."""
        body = self.store.get(cut_key(self.life, self.shard, at))
        return parse(body) if body is not None else None

    def create(self, record: CutRecord) -> CutRecord | None:
        """None where ``record`` was created, else the one that stands in its place."""
        key = cut_key(self.life, self.shard, record.begins_after)
        if self.store.create(key, encode(record)):
            return None
        other = self.after(record.begins_after)
        assert other is not None, "a refused create means that a record stands"
        return other

    def end(self, at: Position | None, values: str) -> CutRecord:
        """The record that ends the shard after ``at``; not created yet."""
        place = Place.of(at) if at else None
        return CutRecord(self.life, self.shard, place, kind="end", values=values)

    def next_gap(self, at: Position | None) -> CutRecord | None:
        """The first gap record that stands from ``at`` on; None where there is none."""
        return next_gap(self.store, self.life, self.shard, at)
