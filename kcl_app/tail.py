"""A shard's tail: what is read, and stands in no cut yet.

Rules:
1. The flow has seen the parts of the open cut, and nothing of what waits.
2. A cut's records can be given back: its first state is kept until its record stands.
3. A rewind feeds again what hot sinks heard of before: its live bars are not told, and what
   waits behind it is.
4. A close that is not carried on (another record stands) leaves the flow as it was.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import pyarrow as pa

from kcl_app.core.columns import Columns
from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord
from kcl_app.core.decode import Decoder
from kcl_app.core.flow import Fed, Flow
from kcl_app.core.live import Live
from kcl_app.core.position import Position
from kcl_app.core.records import Records
from kcl_app.core.tables import live_to_arrow
from kcl_app.opencut import Limits, OpenCut, Part, arrow_tables
from kcl_app.states import States
from kcl_app.tip import Tip


class Tail:
    """The open cut, the flow behind its last record, and the parts that wait for the next."""

    flow: Flow

    def __init__(
        self,
        shard: str,
        states: States,
        decoder: Decoder,
        limits: Limits,
        now: Callable[[], float],
    ) -> None:
        self.shard = shard
        self.cut = OpenCut()
        self.waiting: deque[Part] = deque()
        self.bars: dict[str, Columns] = {}
        self._states = states
        self._decoder = decoder
        self._limits = limits
        self._now = now

    @property
    def full(self) -> bool:
        """Whether the open cut has reached one of its limits."""
        return self.cut.full(self._limits)

    def load(self, at: Position | None) -> None:
        """Begin with the state after ``at``. Raises Stopped where it isn't there."""
        self.flow = self._states.restored(at)
        self._tip = Tip(self.flow.arrival, self._now)

    def take(self, records: Records, seen: Position | None) -> None:
        """Decode what lies past ``seen``, which an earlier cut or call holds; it waits then."""
        if len(records):
            self._tip.read(1_000 * max(records.arrivals))
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
        """Add a part to the open cut, which begins after ``at``; its rows by table, with the
        live bars that it changes."""
        if not self.cut.records:
            self._states.keep(at, self.flow)
        fed = self._add(part)
        return {**self.cut.arrow[-1], **self._told(fed.live)}

    def silence(self, at_tip: bool) -> dict[str, pa.Table]:
        """A call came without records, ``at_tip`` where none followed it when it was fetched:
        the live bars that are closed because nothing came. Empty without any.

        What is told so is remembered in the flow, but decides nothing of the lake.
        """
        arrival = self._tip.empty(at_tip)
        return {} if arrival is None else self._told(self.flow.idle(arrival))

    def _told(self, live: Live) -> dict[str, pa.Table]:
        table = live_to_arrow(live, self.shard)
        return {"live_bars": table} if table.num_rows else {}

    def _add(self, part: Part) -> Fed:
        fed = self.flow.feed(part.ticks)
        self.cut.add(part, fed, arrow_tables(self.shard, part, fed))
        return fed

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
