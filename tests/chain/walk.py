"""Walks every world of ``wide``: worlds are small tuples, and a worker's moves are kept.

In every world: no two records at one position, each linked to the head; a checkpoint at
the end of a standing cut, and its worker has put the objects of all cuts since the last;
a shard that is done has its END; nobody stops in a sound world. From every world: a fresh
worker of the newest release can end the shard alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from kcl_app.core.cut import CutRecord
from tests.chain.wide import Move, Wide, Worker, as_zombie
from tests.chain.world import number, span

NOBODY = 0


class World(NamedTuple):
    """Numbers stand for records and workers: their places in the walk's lists."""

    cuts: tuple[int, ...]
    checkpoint: int = 0
    ended: bool = False
    owner: int = NOBODY
    zombies: tuple[int, ...] = ()
    losses: int = 0


class Step(NamedTuple):
    worker: int
    as_zombie: int
    created: int
    at: int
    checkpoint: int | None
    ended: bool
    stored: tuple[int, ...]
    wrong: str


@dataclass(frozen=True)
class Walked:
    """``broken`` is empty where every world keeps the promises."""

    states: int
    broken: str = ""
    standing: frozenset[tuple[tuple[int, ...], int, bool]] = frozenset()


class Walk:
    """``losses``: how often the lease table may be lost, and all begins at the head again."""

    def __init__(self, wide: Wide, zombies: int, losses: int = 0) -> None:
        self.wide, self.zombies, self.losses = wide, zombies, losses
        self.records: list[CutRecord | None] = [None]
        self.workers: list[Worker | None] = [None]
        self._numbers: dict[object, int] = {}
        self._steps: dict[tuple[int, int, bool], tuple[Step, ...]] = {}
        self._finishes: dict[tuple[tuple[int, ...], int, bool], bool] = {}

    def all(self, most: int = 50_000_000) -> Walked:
        first = World((0,) * (self.wide.records + 1), losses=self.losses)
        seen, left = {first}, [first]
        while left:
            world = left.pop()
            if not self._ends_from(world):
                return Walked(len(seen), f"no worker can end the shard any more: {world}")
            for after, wrong in self._successors(world):
                if wrong:
                    return Walked(len(seen), wrong)
                if after not in seen:
                    seen.add(after)
                    left.append(after)
            if len(seen) > most:
                raise AssertionError(f"more than {most} worlds")
        return Walked(len(seen), standing=frozenset((w.cuts, w.checkpoint, w.ended) for w in seen))

    # --- what can come next ---------------------------------------------------------

    def _successors(self, world: World) -> Iterator[tuple[World, str]]:
        room = len(world.zombies) < self.zombies
        if world.owner:
            yield world._replace(owner=NOBODY), ""
            if room and (slept := self._slept(world.owner)):
                yield world._replace(owner=NOBODY, zombies=_with(world.zombies, slept)), ""
            for step in self._steps_of(world, world.owner, owns=True):
                yield self._owner_did(world, step)
        elif not world.ended:
            for release in range(len(self.wide.releases)):
                yield world._replace(owner=self._started(world.checkpoint, release)), ""
        if world.losses:
            yield (
                world._replace(checkpoint=0, ended=False, owner=NOBODY, losses=world.losses - 1),
                "",
            )
        for zombie in set(world.zombies):
            others = _without(world.zombies, zombie)
            yield world._replace(zombies=others), ""
            for step in self._steps_of(world, zombie, owns=False):
                yield self._zombie_did(world._replace(zombies=others), step)

    def _owner_did(self, world: World, step: Step) -> tuple[World, str]:
        after, wrong = self._wrote(world, step)
        after = after._replace(owner=step.worker)
        if step.checkpoint is not None:
            wrong = wrong or self._passed(world, step)
            after = after._replace(checkpoint=step.checkpoint, ended=step.ended)
        return after, wrong

    def _zombie_did(self, world: World, step: Step) -> tuple[World, str]:
        after, wrong = self._wrote(world, step)
        if step.as_zombie:
            after = after._replace(zombies=_with(after.zombies, step.as_zombie))
        return after, wrong

    def _wrote(self, world: World, step: Step) -> tuple[World, str]:
        wrong = step.wrong
        if any(self._standing(world, self.records[cut]) != cut for cut in step.stored):
            wrong = f"objects were put for a record that does not stand: {world}"
        if not step.created:
            return world, wrong
        if not self._linked(world, step.at):
            wrong = f"a cut is not linked to the head: {world}, then one after {step.at}"
        cuts = (*world.cuts[: step.at], step.created, *world.cuts[step.at + 1 :])
        return world._replace(cuts=cuts), wrong

    def _passed(self, world: World, step: Step) -> str:
        at = step.checkpoint
        assert at is not None
        if not self._linked(world, at):
            return f"checkpoint {at} is at no cut's end: {world}"
        if step.ended and not self._is_end(world.cuts[at]):
            return f"the shard is done without its END: {world}"
        return ""

    def _linked(self, world: World, at: int) -> bool:
        """Whether standing cuts lead from the head to ``at``."""
        reached = 0
        while reached < at:
            cut = self.records[world.cuts[reached]]
            if cut is None or span(cut)[1] == reached:
                return False
            reached = span(cut)[1]
        return reached == at

    def _is_end(self, cut: int) -> bool:
        record = self.records[cut]
        return record is not None and record.kind == "end"

    def _standing(self, world: World, cut: CutRecord | None) -> int:
        return world.cuts[span(cut)[0]] if cut else 0

    def _ends_from(self, world: World) -> bool:
        """Liveness: a fresh worker, alone, which always takes its first way on."""
        key = world.cuts, world.checkpoint, world.ended
        if key not in self._finishes:
            self._finishes[key] = world.ended or self._alone(world)
        return self._finishes[key]

    def _alone(self, world: World) -> bool:
        newest = len(self.wide.releases) - 1
        world = World(world.cuts, world.checkpoint, owner=self._started(world.checkpoint, newest))
        for _ in range(10 * (self.wide.records + 2)):
            steps = self._steps_of(world, world.owner, owns=True)
            if world.ended or not steps:
                break
            world, wrong = self._owner_did(world, steps[-1])
            if wrong or not world.owner:
                break
        return world.ended

    # --- numbers for records and workers --------------------------------------------

    def _started(self, checkpoint: int, release: int) -> int:
        return self._worker(self.wide.started(checkpoint, release))

    def _slept(self, worker: int) -> int:
        awake = self.workers[worker]
        assert awake is not None
        return self._worker(as_zombie(awake))

    def _steps_of(self, world: World, number_: int, owns: bool) -> tuple[Step, ...]:
        worker = self.workers[number_]
        assert worker is not None
        at = number(worker.view.at)
        key = number_, world.cuts[at], owns
        if key not in self._steps:
            moves = self.wide.moves(worker, self.records[world.cuts[at]], owns)
            self._steps[key] = tuple(self._step(at, move, owns) for move in moves)
        return self._steps[key]

    def _step(self, at: int, move: Move, owns: bool) -> Step:
        bare = as_zombie(move.worker) if move.worker and not owns else None
        return Step(
            worker=self._worker(move.worker) if owns else NOBODY,
            as_zombie=self._worker(bare),
            created=self._record(move.created),
            at=at,
            checkpoint=move.checkpoint,
            ended=move.ended,
            stored=tuple(map(self._record, move.stored)),
            wrong=move.wrong,
        )

    def _worker(self, worker: Worker | None) -> int:
        return self._number(worker, self.workers) if worker else NOBODY

    def _record(self, record: CutRecord | None) -> int:
        return self._number(record, self.records) if record else 0

    def _number(self, thing: Any, known: list[Any]) -> int:
        if thing not in self._numbers:
            self._numbers[thing] = len(known)
            known.append(thing)
        return self._numbers[thing]


def _with(zombies: tuple[int, ...], one: int) -> tuple[int, ...]:
    return tuple(sorted((*zombies, one)))


def _without(zombies: tuple[int, ...], one: int) -> tuple[int, ...]:
    at = zombies.index(one)
    return zombies[:at] + zombies[at + 1 :]
