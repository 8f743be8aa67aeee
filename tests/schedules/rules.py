"""The rules of the protocol, each switched off on its own: what the schedules must catch."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from kcl_app.collect import Collector
from kcl_app.core import chain
from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord
from kcl_app.core.flow import Flow
from kcl_app.core.lake import left_by, snapshots_of
from kcl_app.core.position import Position
from kcl_app.processor import ShardProcessor
from kcl_app.shelf import LakeShelf
from tests.schedules.lake import GatedStore
from tests.schedules.play import ALL, Stage
from tests.schedules.proof import prove
from tests.schedules.shard import SHAPES

STEPS = 200
BOUNDS = ((), (), (1, 2), (2, 4, ALL))
"""Of a schedule: none, or what its workers have each, be it not the same."""
Make = Callable[..., ShardProcessor]


def played(seed: int, make: Make = ShardProcessor) -> Stage:
    """Play the schedule of ``seed``, let sound workers finish, and prove the lake."""
    draw = Random(seed)
    shape = draw.choice(("one", "one", *SHAPES))
    fails = draw.choice((0.0, 0.0, 0.01))
    anew = draw.random() < 0.1
    stage = Stage(draw, 24, make, shape, fails, anew, Random(f"bounds {seed}").choice(BOUNDS))
    stage.play(STEPS)
    prove(stage.lake, stage.shards, stage.life)
    assert stage.errors == []
    return stage


def why_not(seed: int, rule: str = "") -> str:
    """Empty where the schedule holds, with ``rule`` switched off if one is named."""
    try:
        played(seed, OFF[rule] if rule else ShardProcessor)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300] or "it failed"
    return ""


class CheckpointsFirst(chain.Protocol):
    """A cut counts as stored when its record stands: its checkpoint may pass its objects."""

    def storing(self, view: chain.View) -> chain.View:
        after = super().storing(view)
        return replace(after, finished=after.at, writing=())

    def stored(self, view: chain.View, record: CutRecord) -> chain.View:
        return view


class NoRewind(chain.Protocol):
    """Lost against a shorter cut, the longer one is written all the same."""

    def standing(self, view: chain.View, other: CutRecord) -> chain.View:
        after = super().standing(view, other)
        return self.created(view) if isinstance(after.doing, chain.Rewind) else after


class NoReadingOn(chain.Protocol):
    """Lost against a longer cut, the shorter one is written all the same."""

    def standing(self, view: chain.View, other: CutRecord) -> chain.View:
        after = super().standing(view, other)
        return self.created(view) if isinstance(after.doing, chain.Read) else after


class NoSnapshotFirst(chain.Protocol):
    """The checkpoint is made without a snapshot before it."""

    def checkpoint_due(self, view: chain.View) -> chain.View:
        if view.finished == view.checkpointed:
            return view
        return replace(view, doing=chain.Checkpoint(view.finished))


class EndsWithPosition(chain.Protocol):
    """The shard's end is checkpointed at its last position, not bare."""

    def created(self, view: chain.View) -> chain.View:
        return _positioned(super().created(view))

    def snapshotted(self, view: chain.View, end: CutRecord | None = None) -> chain.View:
        return _positioned(super().snapshotted(view, end))


def _positioned(view: chain.View) -> chain.View:
    ended = isinstance(view.doing, chain.Checkpoint) and view.doing.ended
    return replace(view, doing=chain.Checkpoint(view.at)) if ended and view.at else view


class Unconditional(GatedStore):
    """Puts without If-None-Match."""

    def create(self, key: str, body: bytes) -> bool:
        self.gate(f"create {key}")
        self.lake.bodies[key] = body
        return True


class StartsEmpty(ShardProcessor):
    """A worker begins with an empty state instead of the snapshot's."""

    def initialize(self, initialize_input: Any) -> None:
        super().initialize(initialize_input)
        self.tail.flow = Flow(self.shard, self.rules)


class ObjectsFirst(ShardProcessor):
    """A cut's objects are put before its record stands."""

    def _step(self, checkpointer: Any) -> None:
        doing = self.view.doing
        if isinstance(doing, chain.Create) and doing.record.kind == "cut":
            tables = self.tail.cut.tables(self.shard, self.tail.bars)
            self.sinks.cold(Batch(self.shard, tables, doing.record))
        super()._step(checkpointer)


class Impatient(Collector):
    """Snapshots are dropped up to the checkpoint itself, or a parent's by its first child."""

    def checkpointed(self, at: Position | None) -> None:
        for shard in (self._shard, *self._parents(self._shard)):
            for key in self._store.list(snapshots_of(self._life, shard)):
                if shard in self._drops():
                    self._store.drop(key)

    def _drops(self) -> tuple[str, ...]:
        return (self._shard,)


class ImpatientChild(Impatient):
    def _drops(self) -> tuple[str, ...]:
        return tuple(self._parents(self._shard))


class Collecting(ShardProcessor):
    """A processor with another collector."""

    collector_of: type[Collector] = Impatient

    def initialize(self, initialize_input: Any) -> None:
        super().initialize(initialize_input)
        kin = self.store, self.life, self.shard
        self.collector = self.collector_of(*kin, self.parents, self.children)


class CollectingChild(Collecting):
    collector_of = ImpatientChild


class ImpatientLeft(Collector):
    """Objects of left symbols are dropped behind the checkpoint though its snapshot lists them."""

    def checkpointed(self, at: Position | None) -> None:
        for key in self._store.list(left_by(self._life, self._shard)):
            self._store.drop(key)


class CollectingLeft(Collecting):
    collector_of = ImpatientLeft


class ListsFirst(ShardProcessor):
    """A snapshot is put before the objects of left symbols that it lists; these never."""

    def initialize(self, initialize_input: Any) -> None:
        super().initialize(initialize_input)
        self.states._shelf = Unput(self.store, self.life, self.shard)
        self.tail.flow._shelf = self.states._shelf


class Unput(LakeShelf):
    def put(self, listed: Collection[str], at: Position | None) -> None:
        pass


def with_protocol(protocol: chain.Protocol) -> Make:
    return partial(ShardProcessor, protocol=protocol)


def without_conditions(**parts: Any) -> ShardProcessor:
    store = parts.pop("store")
    return ShardProcessor(store=Unconditional(store.lake, store.gate), **parts)


def without_parents(**parts: Any) -> ShardProcessor:
    return ShardProcessor(**{**parts, "parents": lambda shard: ()})


OFF: dict[str, Make] = {
    "the record is created with If-None-Match": without_conditions,
    "lost against a shorter cut: rewind to its end": with_protocol(NoRewind()),
    "lost against a longer cut: read on to its end": with_protocol(NoReadingOn()),
    "the record stands before its objects": ObjectsFirst,
    "the checkpoint covers finished cuts only": with_protocol(CheckpointsFirst()),
    "the snapshot stands before its checkpoint": with_protocol(NoSnapshotFirst()),
    "a worker starts with the snapshot's state": StartsEmpty,
    "a child starts with its parents' final states": without_parents,
    "the shard's end is a bare checkpoint": with_protocol(EndsWithPosition()),
    "snapshots are dropped behind the checkpoint only": Collecting,
    "a parent's snapshot stays until every child began": CollectingChild,
    "left symbols stand before the snapshot that lists them": ListsFirst,
    "left symbols are dropped where no kept snapshot lists them": CollectingLeft,
}
