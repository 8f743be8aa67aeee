"""The protocol, in every world it can meet; and broken on purpose, to see it fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kcl_app.core import chain
from kcl_app.core.cut import CutRecord
from tests.chain.explorer import explore
from tests.chain.world import Rules, Worker, World, number, record, span


def test_every_world_of_three_records_and_one_zombie_keeps_the_promises() -> None:
    explored = explore(Rules(records=3, zombies=1))
    assert explored.broken == ""
    assert explored.states > 100_000


def test_every_world_of_two_records_and_two_zombies_keeps_the_promises() -> None:
    explored = explore(Rules(records=2, zombies=2, in_flight=1))
    assert explored.broken == ""
    assert explored.states > 100_000


class LastCreateWins(Rules):
    """The record is put without If-None-Match."""

    def act(self, world: World, worker: Worker, owns: bool) -> tuple[World, Worker | None]:
        if isinstance(worker.view.doing, chain.Create):
            cut = worker.view.doing.record
            others = frozenset(c for c in world.cuts if c[0] != span(cut)[0])
            kept = replace(world, cuts=others | {span(cut)})
            return kept, replace(worker, view=self.protocol.created(worker.view))
        return super().act(world, worker, owns)


class NoSnapshot(Rules):
    """The checkpoint goes first; its snapshot is never put."""

    def act(self, world: World, worker: Worker, owns: bool) -> tuple[World, Worker | None]:
        after, moved = super().act(world, worker, owns)
        return replace(after, snapshots=world.snapshots), moved


class ObjectsBeforeRecord(Rules):
    """The objects are put while the record is still to be created."""

    def act(self, world: World, worker: Worker, owns: bool) -> tuple[World, Worker | None]:
        if isinstance(worker.view.doing, chain.Create):
            cut = worker.view.doing.record
            if cut.kind == "cut" and span(cut) not in world.objects:
                return world.put_object(cut), worker
        return super().act(world, worker, owns)


class ZombieCheckpoints(Rules):
    """A checkpoint of one who lost the lease is taken."""

    def act(self, world: World, worker: Worker, owns: bool) -> tuple[World, Worker | None]:
        return super().act(world, worker, owns=True)


class EndsWithoutStoring(Rules):
    """A shard's end is written while cuts are still on their way."""

    def reading(self, view: chain.View, fed: int) -> Iterator[tuple[chain.View, int]]:
        yield from super().reading(view, fed)
        if fed == self.records and view.first is None and view.writing:
            yield self.protocol.end(replace(view, writing=())), fed


class IgnoresLonger(chain.Protocol):
    """Lost against a longer cut, it writes its own all the same."""

    def standing(self, view: chain.View, other: CutRecord) -> chain.View:
        assert isinstance(view.doing, chain.Create)
        mine = view.doing.record
        if other.kind == mine.kind == "cut" and number(other.ends_at) > number(mine.ends_at):
            return self.created(view)
        return super().standing(view, other)


class IgnoresShorter(chain.Protocol):
    """Lost against a shorter cut, it does not rewind."""

    def standing(self, view: chain.View, other: CutRecord) -> chain.View:
        assert isinstance(view.doing, chain.Create)
        mine = view.doing.record
        if other.kind == mine.kind == "cut" and number(other.ends_at) < number(mine.ends_at):
            return self.created(view)
        return super().standing(view, other)


class AnyFinished(chain.Protocol):
    """A cut counts as finished before those ahead of it."""

    def stored(self, view: chain.View, cut: CutRecord) -> chain.View:
        left = tuple((r, d) for r, d in view.writing if r != cut)
        return replace(view, writing=left, finished=cut.ends_at)


class FinishedWhenCreated(chain.Protocol):
    """A cut counts as finished when its record stands, before its objects do."""

    def storing(self, view: chain.View) -> chain.View:
        after = super().storing(view)
        return replace(after, finished=after.at)


class EndsWhereBoundFurther(chain.Protocol):
    """A bound cut is closed wherever it is, against its record."""

    def close(self, view: chain.View, cut: CutRecord) -> chain.View:
        return replace(view, doing=chain.Store(cut))


MUTANTS = {
    "the last create wins": LastCreateWins(3, 1),
    "no snapshot": NoSnapshot(3, 1),
    "objects before the record": ObjectsBeforeRecord(3, 1),
    "ends without storing": EndsWithoutStoring(3, 1),
    "ignores a longer cut": Rules(3, 1, IgnoresLonger()),
    "ignores a shorter cut": Rules(3, 1, IgnoresShorter()),
    "finished out of order": Rules(3, 1, AnyFinished()),
    "finished when created": Rules(3, 1, FinishedWhenCreated()),
    "stores without the record": Rules(3, 1, EndsWhereBoundFurther()),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_caught(name: str) -> None:
    assert explore(MUTANTS[name]).broken


def test_a_record_of_another_first_stops_the_worker() -> None:
    protocol = chain.Protocol()
    view = replace(protocol.start(None), doing=chain.Create(record(0, 2)))
    astray = CutRecord("life", "shard", None, record(1, 3).first, record(1, 3).last)
    assert isinstance(protocol.standing(view, astray).doing, chain.Stop)


def test_an_unknown_placement_stops_and_names_the_release() -> None:
    protocol = chain.Protocol()
    foreign = CutRecord("life", "shard", None, placement="99", values="release 9.9")
    stopped = protocol.found(protocol.loaded(protocol.start(None)), foreign)
    assert isinstance(stopped.doing, chain.Stop)
    assert "99" in stopped.doing.why
    assert "release 9.9" in stopped.doing.why
