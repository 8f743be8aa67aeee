"""The protocol in far more worlds: more records, more zombies, two releases, lost leases.

It drives the same ``core.chain`` as ``world`` does, with fewer pauses. What is left out
brings nothing about that another worker could see:

1. Where to close a cut is decided at its create; a cut that is bound is read in one step.
2. Objects and snapshot are put just before the checkpoint that needs them, by whoever
   checkpoints: what others have put is forgotten, so nothing comes right by their help.
3. A zombie lives for its looks and its creates: its objects and snapshots say what a
   record says, and its checkpoint is refused.

Pauses stay before every look, create and checkpoint, for everybody. A shutdown is a
checkpoint, then a crash with nothing open. A new life has keys of its own: two lives are
two worlds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import msgspec

from kcl_app.core import chain
from kcl_app.core.cut import CutRecord
from kcl_app.core.position import Position
from tests.chain.world import number, position, record


class Release(chain.Protocol):
    """A release writes its own placement, and knows those before it."""

    def __init__(self, version: int) -> None:
        self.version = version
        self.placements = frozenset(str(known) for known in range(1, version + 1))


@cache
def placed(after: int, last: int, placement: str) -> CutRecord:
    return msgspec.structs.replace(record(after, last), placement=placement)


class Worker(NamedTuple):
    view: chain.View
    release: int
    """Its place in ``Rules.releases``."""


@dataclass(frozen=True, slots=True)
class Move:
    """One step of a worker, and what of it others see."""

    worker: Worker | None
    created: CutRecord | None = None
    checkpoint: int | None = None
    ended: bool = False
    stored: tuple[CutRecord, ...] = ()
    """The cuts whose objects it put for the checkpoint that it now asks for."""
    wrong: str = ""


class Wide:
    """A worker's moves. ``releases`` run side by side; the last is the newest."""

    def __init__(self, records: int, releases: tuple[Release, ...]) -> None:
        self.records = records
        self.releases = releases

    def started(self, checkpoint: int, release: int) -> Worker:
        p = self.releases[release]
        view = p.loaded(p.start(position(checkpoint)))
        return Worker(p.proven(view) if view.at else view, release)

    def moves(self, worker: Worker, standing: CutRecord | None, owns: bool) -> Iterator[Move]:
        """All that can come next. ``standing`` is the record at the worker's position."""
        p, view = self.releases[worker.release], worker.view
        match view.doing:
            case chain.Look():
                yield self._on(worker, p.found(view, standing))
            case chain.Checkpoint(at, ended):
                moved = self._on(worker, p.checkpointed(view))
                yield replace(moved, checkpoint=number(at), ended=ended)
            case chain.Read():
                yield from self._closing(worker, standing)
                if owns:
                    yield from self._checkpoints(worker)
                yield from self._ends(worker, standing, owns)

    def _closing(self, worker: Worker, standing: CutRecord | None) -> Iterator[Move]:
        p, view = self.releases[worker.release], worker.view
        if view.bound is None:
            for end in range(number(view.at) + 1, self.records + 1):
                closed = self._read(p, view, end)
                yield self._created(worker, closed, standing)

    def _checkpoints(self, worker: Worker) -> Iterator[Move]:
        """After storing the first cut, the first two, and so on."""
        p, view = self.releases[worker.release], worker.view
        stored: tuple[CutRecord, ...] = ()
        while True:
            if view.finished != view.checkpointed:
                due = p.snapshotted(p.checkpoint_due(view))
                yield replace(self._on(worker, due), **_put(worker.view, stored, view.finished))
            if not view.writing:
                return
            stored = (*stored, view.writing[0][0])
            view = p.stored(view, stored[-1])

    def _ends(self, worker: Worker, standing: CutRecord | None, owns: bool) -> Iterator[Move]:
        p, view = self.releases[worker.release], worker.view
        if number(view.at) != self.records:
            return
        stored = tuple(cut for cut, _ in view.writing)
        for cut in stored:
            view = p.stored(view, cut)
        end = placed(self.records, self.records, self._placement(p, view))
        ending = p.end(view)
        if isinstance(ending.doing, chain.Snapshot):
            ending = p.snapshotted(ending, end)
        moved = self._created(worker, ending, standing)
        yield replace(moved, **_put(worker.view, stored, view.at)) if owns else moved

    def _created(self, worker: Worker, view: chain.View, standing: CutRecord | None) -> Move:
        """Do the create, where the view asks for one."""
        p = self.releases[worker.release]
        if not isinstance(view.doing, chain.Create):
            return self._on(worker, view)
        if standing is not None:
            return self._on(worker, p.standing(view, standing))
        return replace(self._on(worker, p.created(view)), created=view.doing.record)

    def _on(self, worker: Worker, view: chain.View) -> Move:
        """On to the next pause; a worker that stops is gone."""
        p = self.releases[worker.release]
        while True:
            match view.doing:
                case chain.Stop(why):
                    known = self.releases[-1] is not p or "placement" in why
                    return Move(None, wrong="" if known else why)
                case chain.Leave():
                    return Move(None)
                case chain.Store():
                    view = p.storing(view)
                case chain.Rewind():
                    back = p.rewound(view)
                    view = p.close(back, self._came_out(p, back))
                case chain.Read() if view.bound is not None and view.bound.kind == "cut":
                    view = self._read(p, view, number(view.limit))
                case _:
                    return Move(Worker(view, worker.release))

    def _read(self, p: Release, view: chain.View, end: int) -> chain.View:
        first, last = position(number(view.at) + 1), position(end)
        assert first is not None
        assert last is not None
        read = p.read(view, first, last)
        return (
            read if isinstance(read.doing, chain.Stop) else p.close(read, self._came_out(p, read))
        )

    def _came_out(self, p: Release, view: chain.View) -> CutRecord:
        return placed(number(view.at), number(view.last), self._placement(p, view))

    def _placement(self, p: Release, view: chain.View) -> str:
        return view.bound.placement if view.bound else str(p.version)


def _put(view: chain.View, stored: tuple[CutRecord, ...], at: Position | None) -> dict[str, Any]:
    """What a move stored; wrong where that is not all from the last checkpoint to ``at``."""
    reached = view.checkpointed
    for cut in stored:
        reached = cut.ends_at if cut.begins_after == reached else None
    missing = f"checkpoint {at} passes cuts that are not stored" if reached != at else ""
    return {"stored": stored, "wrong": missing}


def as_zombie(worker: Worker) -> Worker | None:
    """What is left of a worker whose lease has moved: see rule 3. None where that is nothing."""
    view = worker.view
    if isinstance(view.doing, chain.Checkpoint):
        return None
    bare = replace(view, writing=(), finished=None, checkpointed=None, unsaved_cuts=0)
    return Worker(bare, worker.release)
