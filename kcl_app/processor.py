"""One shard's life, and the only order of writing.

Feed, hot sinks; then, per cut: cut record, objects, snapshot, checkpoint. What to do
next is always said by ``core.chain``; this class does it. Any error leaves by
exception: the process ends, and the shard replays from its checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, assert_never

from amazon_kclpy.v3.processor import RecordProcessorBase

from kcl_app.checkpoint import checkpoint
from kcl_app.collect import Collector
from kcl_app.core import chain
from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord
from kcl_app.core.decode import Decoder
from kcl_app.core.flow import Rules
from kcl_app.core.position import Position
from kcl_app.core.store import Store
from kcl_app.fanout import Sinks
from kcl_app.opencut import Limits, Part
from kcl_app.pace import Clock, Pace
from kcl_app.retention import KeepsAll, Retention
from kcl_app.standing import Standing
from kcl_app.states import States
from kcl_app.stopped import Stopped
from kcl_app.tail import Tail
from kcl_app.uploads import Uploads


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
        kin = self.store, self.life, self.shard
        self.standing = Standing(*kin)
        self.states = States(*kin, self.rules, self.parents)
        self.collector = Collector(*kin, self.parents, self.children, self.states.listed)
        self.tail = Tail(self.shard, self.states, self.decoder, self.limits, self.now)
        self.uploads = Uploads(self.writer, self.sinks.cold, self.pace.cuts_in_flight)
        self.clock = Clock(self.pace, self.now)
        self.sinks.open()
        self.view = self.protocol.start(at)
        self._advance(None)

    def process_records(self, process_records_input: Any) -> None:
        """Feed what came, close and checkpoint what is due. Empty lists are the clock."""
        if isinstance(self.view.doing, chain.Leave):
            return
        checkpointer = process_records_input.checkpointer
        while self.uploads.first_done:
            self._await_upload()
        self.tail.take(process_records_input.columns, self.view.last or self.view.at)
        self._drain(checkpointer)
        self._tell_silence(process_records_input)
        self._close_if_due(checkpointer)
        self._checkpoint_if_due(checkpointer)
        self._mark_if_quiet(process_records_input)

    def shutdown_requested(self, shutdown_requested_input: Any) -> None:
        """Store what is read, checkpoint it, and take nothing more."""
        if isinstance(self.view.doing, chain.Leave):
            return
        checkpointer = shutdown_requested_input.checkpointer
        self._store_all("shutdown", checkpointer)
        self._save(checkpointer)
        self._leave("handed on after a requested shutdown")

    def shard_ended(self, shard_ended_input: Any) -> None:
        """Store what is read, put the final snapshot and the END, then the bare checkpoint."""
        if isinstance(self.view.doing, chain.Leave):
            return
        checkpointer = shard_ended_input.checkpointer
        self._store_all("shard end", checkpointer)
        if self.tail.cut.records:
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

    def _drain(self, checkpointer: Any) -> None:
        while self.tail.waiting and not isinstance(self.view.doing, chain.Leave):
            part = self.tail.next(self.view.limit)
            if len(part):
                self._feed(part)
            if self.view.full or self.tail.full or not len(part):
                self._close("size", checkpointer)

    def _feed(self, part: Part) -> None:
        self.clock.fed(first=not self.tail.cut.records)
        first, last = part.position(0), part.position(len(part) - 1)
        self.view = self.protocol.read(self.view, first, last)
        self._stop_if_said()
        self.sinks.hot(Batch(self.shard, self.tail.feed(part, self.view.at)))

    def _tell_silence(self, given: Any) -> None:
        """Tell hot sinks of live bars that a silence closes, where one is proven."""
        if len(given.columns) or not isinstance(self.view.doing, chain.Read):
            return
        if tables := self.tail.silence(_at_tip(given)):
            self.sinks.hot(Batch(self.shard, tables))

    # --- cuts ----------------------------------------------------------------------

    def _close_if_due(self, checkpointer: Any) -> None:
        if not self.tail.cut.records or self.view.bound is not None:
            return
        if reason := self.clock.cut_due():
            self._close(reason, checkpointer)
            self._drain(checkpointer)

    def _store_all(self, reason: str, checkpointer: Any) -> None:
        """Close until nothing read is open (a rewind may leave records for another cut),
        then wait until all of it is durable."""
        while self.tail.cut.records and self.view.bound is None:
            self._close(reason, checkpointer)
            self._drain(checkpointer)
        while len(self.uploads):
            self._await_upload()

    def _close(self, reason: str, checkpointer: Any) -> None:
        if self.view.bound is not None and not self.view.full:
            return
        record = self.tail.close(self.life, self.view.at, self.values, reason)
        self.view = self.protocol.close(self.view, record)
        self._advance(checkpointer)

    def _begin_upload(self, record: CutRecord) -> None:
        """Hand the cut's tables to the writer, once there is room."""
        batch = self.tail.begin_next(record)
        while self.uploads.full:
            self._await_upload()
        self.uploads.begin(record, batch)
        self.view = self.protocol.storing(self.view)

    def _await_upload(self) -> None:
        self.view = self.protocol.stored(self.view, self.uploads.first())
        self._forget_states()

    # --- snapshot and checkpoint ---------------------------------------------------

    def _checkpoint_if_due(self, checkpointer: Any) -> None:
        idle = not self.tail.cut.records and not self.uploads
        if idle or self.clock.checkpoint_due(self.view.unsaved_cuts):
            self._save(checkpointer)

    def _mark_if_quiet(self, given: Any) -> None:
        """Say now and then that nothing followed the checkpoint: its record may expire."""
        if not self.clock.mark_due() or len(given.columns):
            return
        view = self.view
        idle = isinstance(view.doing, chain.Read) and not (self.tail.cut.records or self.uploads)
        at_tip = _at_tip(given) and view.at == view.checkpointed
        if at_tip and idle and view.bound is None and view.at:
            self.retention.quiet(self.shard, view.at)
            self.clock.marked()

    def _save(self, checkpointer: Any) -> None:
        self.view = self.protocol.checkpoint_due(self.view)
        self._advance(checkpointer)

    # --- doing what the chain says -------------------------------------------------

    def _advance(self, checkpointer: Any) -> None:
        """Do what is to be done until records are wanted, or the shard is left."""
        while not isinstance(self.view.doing, (chain.Read, chain.Leave)) or self.view.full:
            self._step(checkpointer)

    def _step(self, checkpointer: Any) -> None:
        view, protocol = self.view, self.protocol
        match view.doing:
            case chain.Load(at):
                self.tail.load(at)
                self.view = protocol.loaded(view)
            case chain.Prove(at):
                self.view = self._proven(at)
            case chain.Look(after):
                self.view = protocol.found(view, self.standing.after(after))
            case chain.Create(record):
                other = self.standing.create(record)
                self.view = protocol.standing(view, other) if other else protocol.created(view)
            case chain.Rewind(to):
                self.tail.rewind(view.at, to)
                self.view = protocol.rewound(view)
                self._close("bound", checkpointer)
            case chain.Store(record):
                self._begin_upload(record)
            case chain.Snapshot(at):
                self.states.put_snapshot(at, self.tail.flow)
                end = self.standing.end(view.at, self.values) if view.ending else None
                self.view = protocol.snapshotted(view, end)
            case chain.Checkpoint() as step:
                if checkpoint(checkpointer, step, self.sleep):
                    self._saved(step)
                else:
                    self._leave("the lease was lost")
            case chain.Read():
                self._close("bound", checkpointer)
            case chain.Leave():
                return
            case chain.Stop(why):
                raise Stopped(f"{self.shard}: {why}")
            case _ as never:
                assert_never(never)

    def _proven(self, at: Position) -> chain.View:
        why = self.retention.gap(self.shard, at)
        if not why:
            return self.protocol.proven(self.view)
        gap = self.standing.next_gap(self.view.at)
        if gap is None:
            raise Stopped(why)
        return self.protocol.passed(self.view, gap)

    def _saved(self, step: chain.Checkpoint) -> None:
        self.view = self.protocol.checkpointed(self.view)
        self.clock.saved()
        self._forget_states()
        self.collector.checkpointed(step.at)
        if isinstance(self.view.doing, chain.Leave):
            self.sinks.close()

    def _forget_states(self) -> None:
        """Keep what a rewind or the next snapshots may need."""
        ends = [record.ends_at for record, _ in self.view.writing]
        self.states.keep_only({self.view.at, self.view.finished, *ends})

    def _stop_if_said(self) -> None:
        if isinstance(self.view.doing, chain.Stop):
            raise Stopped(f"{self.shard}: {self.view.doing.why}")

    def _leave(self, why: str) -> None:
        self.view = self.protocol.left(self.view, why)
        self.sinks.close()


def _at_tip(given: Any) -> bool:
    """Whether nothing followed a call when it was fetched; False where that isn't known."""
    return getattr(given, "millis_behind_latest", None) == 0
