"""One shard's life, and the only order of writing.

Feed, hot sinks; then, per cut: cut record, objects, snapshot, checkpoint. What to do
next is always said by ``core.chain``; this class does it. Any error leaves by
exception: the process ends, and the shard replays from its checkpoint.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Protocol, assert_never

import pyarrow as pa
from amazon_kclpy.v3.processor import RecordProcessorBase

from kcl_app.checkpoint import checkpoint
from kcl_app.collect import Collector
from kcl_app.core import chain
from kcl_app.core.chain import (
    Checkpoint,
    Create,
    Leave,
    Load,
    Look,
    Prove,
    Read,
    Rewind,
    Snapshot,
    Stop,
)
from kcl_app.core.columns import Columns
from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord, Place, encode, parse
from kcl_app.core.decode import Decoder
from kcl_app.core.flow import Rules
from kcl_app.core.lake import cut_key
from kcl_app.core.position import Position
from kcl_app.core.records import Records
from kcl_app.core.store import Store
from kcl_app.gap import next_gap
from kcl_app.opencut import Limits, OpenCut, Part, arrow_tables
from kcl_app.retention import KeepsAll
from kcl_app.states import States
from kcl_app.stopped import Stopped


class Sinks(Protocol):
    """What the processor needs of a fan-out: durable when it returns."""

    def open(self) -> None: ...
    def hot(self, batch: Batch) -> None: ...
    def cold(self, batch: Batch) -> None: ...
    def close(self) -> None: ...


class Retention(Protocol):
    """What the processor asks about the stream's memory; ``kcl_app.retention`` says more."""

    def gap(self, shard: str, at: Position) -> str: ...
    def quiet(self, shard: str, at: Position) -> None: ...


@dataclass(frozen=True)
class Pace:
    """Seconds by the monotonic clock, and how far ahead of the sinks a shard may read."""

    cut_seconds: float = 60
    idle_seconds: float = 5
    checkpoint_seconds: float = 30
    checkpoint_cuts: int = 10
    cuts_in_flight: int = 3
    quiet_seconds: float = 3_600


@dataclass
class ShardProcessor(RecordProcessorBase):  # type: ignore[misc]
    """A KCL record processor (amazon_kclpy v3). Every callback runs on the main thread.

    ``parents`` and ``children`` give a shard's next of kin, ``retention`` knows what the
    stream still holds, ``writer`` runs the cold sinks, ``values`` names the release and
    rules that the values come from.
    """

    store: Store
    sinks: Sinks
    decoder: Decoder
    rules: Rules
    life: str
    writer: Executor
    now: Callable[[], float]
    sleep: Callable[[float], None]
    limits: Limits = field(default_factory=Limits)
    pace: Pace = field(default_factory=Pace)
    parents: Callable[[str], Sequence[str]] = lambda shard: ()
    children: Callable[[str], Sequence[str]] = lambda shard: ()
    retention: Retention = field(default_factory=KeepsAll)
    values: str = ""
    protocol: chain.Protocol = field(default_factory=chain.Protocol)

    def initialize(self, initialize_input: Any) -> None:
        """Restore the state at the checkpoint, prove that nothing after it was lost, open
        the sinks, look up what stands."""
        self.shard: str = initialize_input.shard_id
        sequence = str(initialize_input.sequence_number or "")
        at = None
        if sequence.isdigit():
            at = Position(sequence, int(initialize_input.sub_sequence_number or 0))
        self.cut = OpenCut()
        kin = self.store, self.life, self.shard
        self.states = States(*kin, self.rules, self.parents)
        self.collector = Collector(*kin, self.parents, self.children)
        self.uploads: deque[tuple[CutRecord, Future[None]]] = deque()
        self.waiting: deque[Part] = deque()
        self.began = self.fed_at = self.saved_at = self.marked_at = self.now()
        self.sinks.open()
        self.view = self.protocol.start(at)
        self._advance(None)

    def process_records(self, process_records_input: Any) -> None:
        """Feed what came, close and checkpoint what is due. Empty lists are the clock."""
        if isinstance(self.view.doing, Leave):
            return
        checkpointer = process_records_input.checkpointer
        self._collect()
        records = self._unseen(process_records_input.columns)
        if len(records):
            decoded = self.decoder.decode(records)
            self.waiting.append(Part(records, decoded.ticks, decoded.rejects))
            self._drain(checkpointer)
        self._close_if_due(checkpointer)
        self._checkpoint_if_due(checkpointer)
        self._mark_if_quiet(process_records_input)

    def shutdown_requested(self, shutdown_requested_input: Any) -> None:
        """Store what is read, checkpoint it, and take nothing more."""
        if isinstance(self.view.doing, Leave):
            return
        checkpointer = shutdown_requested_input.checkpointer
        self._close_all("shutdown", checkpointer)
        self._finish_uploads()
        self._save(checkpointer)
        self._leave("handed on after a requested shutdown")

    def shard_ended(self, shard_ended_input: Any) -> None:
        """Store what is read, put the final snapshot and the END, then the bare checkpoint."""
        if isinstance(self.view.doing, Leave):
            return
        checkpointer = shard_ended_input.checkpointer
        self._close_all("shard end", checkpointer)
        self._finish_uploads()
        if self.cut.records:
            raise Stopped(
                f"{self.shard} ended, but the cut that stands goes on to {self.view.limit}: "
                "records are missing from the stream"
            )
        self.view = self.protocol.end(self.view)
        self._advance(checkpointer)

    def lease_lost(self, lease_lost_input: Any) -> None:
        """Another worker has the shard: write nothing more."""
        self._leave("the lease was lost")

    # --- reading -------------------------------------------------------------------

    def _unseen(self, records: Records) -> Records:
        """Without records that an earlier cut or call already holds."""
        seen = self.view.last or self.view.at
        if seen is None or not len(records) or records.position(0) > seen:
            return records
        empty = Columns({})
        return records.slice(Part(records, empty, empty).until(seen), len(records))

    def _drain(self, checkpointer: Any) -> None:
        while self.waiting and not isinstance(self.view.doing, Leave):
            part = self.waiting.popleft()
            fits = self._room(part)
            if fits < len(part):
                self.waiting.appendleft(part.slice(fits, len(part)))
            if fits:
                self._feed(part.slice(0, fits))
            if self.view.full or self.cut.full(self.limits) or not fits:
                self._close("size", checkpointer)

    def _room(self, part: Part) -> int:
        """A bound cut takes what its record says, a free one what its limits allow."""
        limit = self.view.limit
        if limit is None:
            return self.cut.room(part, self.limits)
        return max(part.until(limit), 1)

    def _feed(self, part: Part) -> None:
        if not self.cut.records:
            self.began = self.now()
            self.states.keep(self.view.at, self.flow)
        self.fed_at = self.now()
        first, last = part.position(0), part.position(len(part) - 1)
        self.view = self.protocol.read(self.view, first, last)
        self._stop_if_said()
        self.sinks.hot(Batch(self.shard, self._add(part)))

    def _add(self, part: Part) -> dict[str, pa.Table]:
        fed = self.flow.feed(part.ticks)
        tables = arrow_tables(self.shard, part, fed)
        self.cut.add(part, fed, tables)
        return tables

    # --- cuts ----------------------------------------------------------------------

    def _close_if_due(self, checkpointer: Any) -> None:
        if not self.cut.records or self.view.bound is not None:
            return
        if self.now() - self.began >= self.pace.cut_seconds:
            self._close("age", checkpointer)
        elif self.now() - self.fed_at >= self.pace.idle_seconds:
            self._close("idle", checkpointer)
        self._drain(checkpointer)

    def _close_all(self, reason: str, checkpointer: Any) -> None:
        """Close until nothing read is open; a rewind may leave records for another cut."""
        while self.cut.records and self.view.bound is None:
            self._close(reason, checkpointer)
            self._drain(checkpointer)

    def _close(self, reason: str, checkpointer: Any) -> None:
        if self.view.bound is not None and not self.view.full:
            return
        self.closing = self.flow.copy()
        self.bars = self.closing.close(self.cut.ticks())
        record = self.cut.record(
            self.life, self.shard, self.view.at, self.bars, self.values, reason
        )
        self.view = self.protocol.close(self.view, record)
        self._advance(checkpointer)

    def _rewind(self, to: Position) -> None:
        """Begin the open cut anew from its first state; what lies past ``to`` waits again."""
        parts, self.cut = self.cut.parts, OpenCut()
        self.flow = self.states.at(self.view.at)
        again = [(part, part.until(to)) for part in parts]
        self.waiting.extendleft(
            part.slice(kept, len(part)) for part, kept in reversed(again) if kept < len(part)
        )
        self.view = self.protocol.rewound(self.view)
        for part, kept in again:
            if kept:
                self._add(part.slice(0, kept))

    def _begin_upload(self, record: CutRecord) -> None:
        """Hand the cut's tables to the writer, at most ``cuts_in_flight`` at a time."""
        batch = Batch(self.shard, self.cut.tables(self.shard, self.bars), record)
        self.cut, self.bars = OpenCut(), {}
        self.flow = self.closing
        self.states.keep(record.ends_at, self.flow)
        while len(self.uploads) >= self.pace.cuts_in_flight:
            self._await_upload()
        self.uploads.append((record, self.writer.submit(self.sinks.cold, batch)))
        self.view = self.protocol.storing(self.view)

    def _await_upload(self) -> None:
        record, upload = self.uploads.popleft()
        upload.result()
        self.view = self.protocol.stored(self.view, record)
        self._forget_states()

    def _collect(self) -> None:
        while self.uploads and self.uploads[0][1].done():
            self._await_upload()

    def _finish_uploads(self) -> None:
        while self.uploads:
            self._await_upload()

    # --- snapshot and checkpoint ---------------------------------------------------

    def _checkpoint_if_due(self, checkpointer: Any) -> None:
        waited = self.now() - self.saved_at >= self.pace.checkpoint_seconds
        idle = not self.cut.records and not self.uploads
        if waited or idle or self.view.unsaved_cuts >= self.pace.checkpoint_cuts:
            self._save(checkpointer)

    def _mark_if_quiet(self, given: Any) -> None:
        """Say now and then that nothing followed the checkpoint: its record may expire."""
        if self.now() - self.marked_at < self.pace.quiet_seconds or len(given.columns):
            return
        view = self.view
        at_tip = getattr(given, "millis_behind_latest", None) == 0
        idle = isinstance(view.doing, Read) and not (self.cut.records or self.uploads)
        if at_tip and idle and view.bound is None and view.at and view.at == view.checkpointed:
            self.retention.quiet(self.shard, view.at)
            self.marked_at = self.now()

    def _save(self, checkpointer: Any) -> None:
        self.view = self.protocol.checkpoint_due(self.view)
        self._advance(checkpointer)

    def _end_record(self) -> CutRecord:
        at = self.view.at
        return CutRecord(
            self.life, self.shard, Place.of(at) if at else None, kind="end", values=self.values
        )

    # --- doing what the chain says -------------------------------------------------

    def _advance(self, checkpointer: Any) -> None:
        """Do what is to be done until records are wanted, or the shard is left."""
        while not isinstance(self.view.doing, (Read, Leave)) or self.view.full:
            self._step(checkpointer)

    def _step(self, checkpointer: Any) -> None:
        view, protocol = self.view, self.protocol
        match view.doing:
            case Load(at):
                self.flow = self.states.restored(at)
                self.view = protocol.loaded(view)
            case Prove(at):
                self.view = self._proven(at)
            case Look(after):
                self.view = protocol.found(view, self._standing(after))
            case Create(record):
                made = self.store.create(self._key(record), encode(record))
                self.view = protocol.created(view) if made else self._met(record)
            case Rewind(to):
                self._rewind(to)
                self._close("bound", checkpointer)
            case chain.Store(record):
                self._begin_upload(record)
            case Snapshot(at):
                self.states.put_snapshot(at, self.flow)
                self.view = protocol.snapshotted(view, self._end_record() if view.ending else None)
            case Checkpoint() as step:
                if checkpoint(checkpointer, step, self.sleep):
                    self._saved(step)
                else:
                    self._leave("the lease was lost")
            case Read():
                self._close("bound", checkpointer)
            case Leave():
                return
            case Stop(why):
                raise Stopped(f"{self.shard}: {why}")
            case _ as never:
                assert_never(never)

    def _proven(self, at: Position) -> chain.View:
        why = self.retention.gap(self.shard, at)
        if not why:
            return self.protocol.proven(self.view)
        gap = next_gap(self.store, self.life, self.shard, self.view.at)
        if gap is None:
            raise Stopped(why)
        return self.protocol.passed(self.view, gap)

    def _met(self, mine: CutRecord) -> chain.View:
        standing = self._standing(mine.begins_after)
        assert standing is not None, "a refused create means that a record stands"
        return self.protocol.standing(self.view, standing)

    def _standing(self, after: Position | None) -> CutRecord | None:
        body = self.store.get(cut_key(self.life, self.shard, after))
        return parse(body) if body is not None else None

    def _key(self, record: CutRecord) -> str:
        return cut_key(self.life, self.shard, record.begins_after)

    def _saved(self, step: Checkpoint) -> None:
        self.view = self.protocol.checkpointed(self.view)
        self.saved_at = self.now()
        self._forget_states()
        self.collector.checkpointed(step.at)
        if isinstance(self.view.doing, Leave):
            self.sinks.close()

    def _forget_states(self) -> None:
        """Keep what a rewind or the next snapshots may need."""
        ends = [record.ends_at for record, _ in self.view.writing]
        self.states.keep_only({self.view.at, self.view.finished, *ends})

    def _stop_if_said(self) -> None:
        if isinstance(self.view.doing, Stop):
            raise Stopped(f"{self.shard}: {self.view.doing.why}")

    def _leave(self, why: str) -> None:
        self.view = self.protocol.left(self.view, why)
        self.sinks.close()
