"""Every world the chain's protocol can meet, as small values that can be compared.

One shard of ``records`` records, then its end. Workers crash anywhere; a lease moves
while the old worker goes on as a zombie, paused between any two steps. Kinesis
delivers in order; the store keeps what was put; only the lease's owner checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property

from kcl_app.core import chain
from kcl_app.core.cut import CutRecord, Place
from kcl_app.core.position import Position

LAKE, SHARD = "life", "shard"
Range = tuple[int, int]
"""(after, last) of a cut: records after+1 to last. An END is (after, after)."""


@cache
def position(number: int) -> Position | None:
    return Position(str(number)) if number else None


@cache
def span(cut: CutRecord) -> Range:
    return number(cut.begins_after), number(cut.ends_at)


@cache
def record(after: int, last: int) -> CutRecord:
    begins = Place(str(after)) if after else None
    if after == last:
        return CutRecord(LAKE, SHARD, begins, kind="end")
    return CutRecord(
        LAKE, SHARD, begins, Place(str(after + 1)), Place(str(last)), records=last - after
    )


def number(at: Position | None) -> int:
    return int(at.sequence) if at else 0


@dataclass(frozen=True)
class Worker:
    """``fed`` is how many records its state holds: records are numbered from 1."""

    view: chain.View
    fed: int

    @cached_property
    def key(self) -> str:
        v = self.view
        return repr(
            (
                type(v.doing).__name__,
                _subject(v.doing),
                number(v.at),
                span(v.bound) if v.bound else None,
                v.look_on,
                number(v.first),
                number(v.last),
                tuple((span(r), done) for r, done in v.writing),
                number(v.finished),
                number(v.checkpointed),
                v.ending,
                self.fed,
            )
        )


def _subject(doing: chain.Doing) -> object:
    match doing:
        case chain.Create(record) | chain.Store(record):
            return span(record)
        case chain.Load(at) | chain.Look(at) | chain.Snapshot(at) | chain.Rewind(at):
            return number(at)
        case chain.Checkpoint(at, ended):
            return number(at), ended
        case chain.Leave(why) | chain.Stop(why):
            return why
    return None


@dataclass(frozen=True)
class World:
    """What is durable, and who works. ``cuts`` and ``objects`` map ``after`` to ``last``."""

    cuts: frozenset[Range] = frozenset()
    objects: frozenset[Range] = frozenset()
    snapshots: frozenset[tuple[int, int]] = frozenset()
    checkpoint: int = 0
    ended: bool = False
    owner: Worker | None = None
    zombies: tuple[Worker, ...] = ()

    @cached_property
    def key(self) -> tuple[object, ...]:
        return (
            self.cuts,
            self.objects,
            self.snapshots,
            self.checkpoint,
            self.ended,
            self.owner.key if self.owner else None,
            tuple(sorted(z.key for z in self.zombies)),
        )

    def cut_after(self, after: int) -> CutRecord | None:
        return next((record(a, last) for a, last in self.cuts if a == after), None)

    def put_cut(self, cut: CutRecord) -> World:
        return replace(self, cuts=self.cuts | {span(cut)})

    def put_object(self, cut: CutRecord) -> World:
        """Put once: what stands at the key stays."""
        after, last = span(cut)
        if any(a == after for a, _ in self.objects):
            return self
        return replace(self, objects=self.objects | {(after, last)})

    def put_snapshot(self, at: int, fed: int) -> World:
        if any(a == at for a, _ in self.snapshots):
            return self
        return replace(self, snapshots=self.snapshots | {(at, fed)})


class Rules:
    """How worlds go on. Mutants of the protocol's drivers override a method."""

    def __init__(
        self,
        records: int,
        zombies: int,
        protocol: chain.Protocol | None = None,
        in_flight: int = 2,
    ) -> None:
        self.records = records
        self.zombies = zombies
        self.in_flight = in_flight
        self.protocol = protocol or chain.Protocol()

    def successors(self, world: World) -> Iterator[World]:
        if world.owner is None and not world.ended:
            yield replace(world, owner=self.started(world))
        if world.owner is not None:
            yield replace(world, owner=None)
            if len(world.zombies) < self.zombies and not world.ended:
                moved = (*world.zombies, world.owner)
                yield replace(world, owner=self.started(world), zombies=moved)
            for after, worker in self.steps(world, world.owner, owns=True):
                yield replace(after, owner=worker)
        for index, zombie in enumerate(world.zombies):
            others = world.zombies[:index] + world.zombies[index + 1 :]
            yield replace(world, zombies=others)
            for after, worker in self.steps(world, zombie, owns=False):
                yield replace(after, zombies=(*others, worker) if worker else others)

    def started(self, world: World) -> Worker:
        return Worker(self.protocol.start(position(world.checkpoint)), world.checkpoint)

    def steps(
        self, world: World, worker: Worker, owns: bool
    ) -> Iterator[tuple[World, Worker | None]]:
        """One step of a worker: the world after it, and the worker, None where it is gone."""
        for after, moved in self.bare_steps(world, worker, owns):
            yield after, self.settled(moved) if moved else None

    def settled(self, worker: Worker) -> Worker:
        """With what touches neither the world nor a choice done at once."""
        p, view = self.protocol, worker.view
        match view.doing:
            case chain.Rewind(to):
                back = p.rewound(view)
                return self.settled(Worker(p.close(back, self.came_out(back)), number(to)))
            case chain.Store():
                return Worker(p.storing(view), worker.fed)
            case chain.Prove():
                return Worker(p.proven(view), worker.fed)
        return worker

    def bare_steps(
        self, world: World, worker: Worker, owns: bool
    ) -> Iterator[tuple[World, Worker | None]]:
        view = worker.view
        for cut, done in view.writing:
            if not done:
                after = world.put_object(cut)
                yield after, replace(worker, view=self.protocol.stored(view, cut))
        match view.doing:
            case chain.Read():
                for next_view, fed in self.reading(view, worker.fed):
                    yield world, Worker(next_view, fed)
            case chain.Leave():
                yield world, None
            case chain.Stop():
                return
            case _:
                yield self.act(world, worker, owns)

    def reading(self, view: chain.View, fed: int) -> Iterator[tuple[chain.View, int]]:
        """Reading touches nobody else, so only where a cut is closed makes a difference."""
        p = self.protocol
        for to in self.ends(view, fed):
            first, last = position(fed + 1), position(to)
            assert first is not None
            assert last is not None
            read = p.read(view, first, last)
            yield p.close(read, self.came_out(read)), to
        if view.finished != view.checkpointed:
            yield p.checkpoint_due(view), fed
        if fed == self.records and view.first is None and not view.writing:
            yield p.end(view), fed

    def ends(self, view: chain.View, fed: int) -> Iterable[int]:
        """Where the open cut may close: where it is bound to, else anywhere."""
        if sum(not done for _, done in view.writing) >= self.in_flight:
            return ()
        if view.bound is not None:
            return () if view.bound.kind == "end" else (number(view.limit),)
        return range(self.records, fed, -1)

    def came_out(self, view: chain.View) -> CutRecord:
        return record(number(view.at), number(view.last))

    def act(self, world: World, worker: Worker, owns: bool) -> tuple[World, Worker | None]:
        p, view = self.protocol, worker.view
        match view.doing:
            case chain.Load(at):
                missing = number(at) and (number(at), number(at)) not in world.snapshots
                why = chain.Stop("a snapshot is missing or wrong")
                loaded = replace(view, doing=why) if missing else p.loaded(view)
                return world, replace(worker, view=loaded)
            case chain.Look(after):
                return world, replace(worker, view=p.found(view, world.cut_after(number(after))))
            case chain.Create(cut):
                standing = world.cut_after(span(cut)[0])
                if standing is None:
                    return world.put_cut(cut), replace(worker, view=p.created(view))
                return world, replace(worker, view=p.standing(view, standing))
            case chain.Snapshot(at):
                end = record(number(view.at), number(view.at)) if view.ending else None
                put = world.put_snapshot(number(at), number(at))
                return put, replace(worker, view=p.snapshotted(view, end))
            case chain.Checkpoint(at, ended):
                if not owns:
                    return world, None
                moved = replace(world, checkpoint=number(at), ended=ended)
                return moved, replace(worker, view=p.checkpointed(view))
        raise AssertionError(view.doing)
