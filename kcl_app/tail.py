"""A shard's tail: what is read, and stands in no cut yet.

Rules:
1. The flow has seen the parts of the open cut, and nothing of what waits.
2. A cut's records can be given back: its first state is kept until its record stands.
3. A close that is not carried on (another record stands) leaves the flow as it was.
"""

from __future__ import annotations

from collections import deque

import pyarrow as pa

from kcl_app.core.columns import Columns
from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord
from kcl_app.core.decode import Decoder
from kcl_app.core.flow import Flow
from kcl_app.core.position import Position
from kcl_app.core.records import Records
from kcl_app.opencut import Limits, OpenCut, Part, arrow_tables
from kcl_app.states import States


class Tail:
    """The open cut, the flow behind its last record, and the parts that wait for the next."""

    flow: Flow

    def __init__(self, shard: str, states: States, decoder: Decoder, limits: Limits) -> None:
        self.shard = shard
        self.cut = OpenCut()
        self.waiting: deque[Part] = deque()
        self.bars: dict[str, Columns] = {}
        self._states = states
        self._decoder = decoder
        self._limits = limits

    @property
    def full(self) -> bool:
        """Whether the open cut has reached one of its limits."""
        return self.cut.full(self._limits)

    def load(self, at: Position | None) -> None:
        """Begin with the state after ``at``. Raises Stopped where it isn't there."""
        self.flow = self._states.restored(at)

    def take(self, records: Records, seen: Position | None) -> None:
        """Decode what lies past ``seen``, which an earlier cut or call holds; it waits then."""
        records = _past(seen, records)
        if len(records):
            decoded = self._decoder.decode(records)
            self.waiting.append(Part(records, decoded.ticks, decoded.rejects))

    def next(self, limit: Position | None) -> Part:
        """The records that wait and fit the open cut; none where it is to be closed before.

        A bound cut takes what its record says, up to ``limit``; a free one what its
        limits allow.
        """
        part = self.waiting.popleft()
        fits = self.cut.room(part, self._limits) if limit is None else max(part.until(limit), 1)
        if fits < len(part):
            self.waiting.appendleft(part.slice(fits, len(part)))
        return part.slice(0, fits)

    def feed(self, part: Part, at: Position | None) -> dict[str, pa.Table]:
        """Add a part to the open cut, which begins after ``at``; its rows by table."""
        if not self.cut.records:
            self._states.keep(at, self.flow)
        return self._add(part)

    def _add(self, part: Part) -> dict[str, pa.Table]:
        fed = self.flow.feed(part.ticks)
        tables = arrow_tables(self.shard, part, fed)
        self.cut.add(part, fed, tables)
        return tables

    def close(self, life: str, at: Position | None, values: str, reason: str) -> CutRecord:
        """The record that the open cut comes out as; ``begin_next`` carries it on."""
        self._closing = self.flow.copy()
        self.bars = self._closing.close(self.cut.ticks())
        most = self._limits.symbols
        return self.cut.record(life, self.shard, at, self.bars, values, reason, most)

    def rewind(self, at: Position | None, to: Position) -> None:
        """Begin the open cut anew from its state after ``at``; what lies past ``to`` waits."""
        parts, self.cut = self.cut.parts, OpenCut()
        self.flow = self._states.at(at)
        again = [(part, part.until(to)) for part in parts]
        self.waiting.extendleft(
            part.slice(kept, len(part)) for part, kept in reversed(again) if kept < len(part)
        )
        for part, kept in again:
            if kept:
                self._add(part.slice(0, kept))

    def begin_next(self, record: CutRecord) -> Batch:
        """The whole cut, whose ``record`` stands; what comes now belongs to the next."""
        batch = Batch(self.shard, self.cut.tables(self.shard, self.bars), record)
        self._closing.leave(record.symbols, record.ends_at)
        self.cut, self.bars, self.flow = OpenCut(), {}, self._closing
        self._states.keep(record.ends_at, self.flow)
        return batch


def _past(seen: Position | None, records: Records) -> Records:
    if seen is None or not len(records) or records.position(0) > seen:
        return records
    empty = Columns({})
    return records.slice(Part(records, empty, empty).until(seen), len(records))
