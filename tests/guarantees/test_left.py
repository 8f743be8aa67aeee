"""Symbols that leave memory: into the lake before anything lists them, and back whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from kcl_app.collect import KEPT, Collector
from kcl_app.core import snapshot
from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord, encode, parse
from kcl_app.core.lake import left_index_key, left_states_key, snapshot_key
from kcl_app.core.position import Position
from kcl_app.opencut import Limits
from kcl_app.pace import Clock, Pace
from kcl_app.shelf import READ_AGAIN, LakeShelf
from kcl_app.stopped import Stopped
from kcl_app.tail import Tail
from tests.guarantees.desk import Desk
from tests.schedules.play import RULES
from tests.schedules.proof import prove
from tests.schedules.shard import Call, tape
from tests.verify.true_lake import MemoryStore

ONE = Limits(records=5, symbols=1)
ALL = Limits(records=5, symbols=0)


def lists(body: bytes) -> tuple[str, ...]:
    return snapshot.load(body, RULES.fields()).left


def read(desk: Desk, stop: int, limits: Limits = ONE) -> Any:
    """A worker that has read on from the checkpoint up to there, in calls of five."""
    worker = desk.worker(limits=limits)
    for at in range(desk.shard.cursor(), stop, 5):
        worker.process_records(desk.call(at, min(at + 5, stop)))
    return worker


def keys(desk: Desk, lead: str) -> list[str]:
    return sorted(key for key in desk.lake.bodies if key.startswith(lead))


def test_objects_stand_before_the_snapshot_that_lists_them() -> None:
    desk = Desk(records=60)
    read(desk, 60)
    puts = [call[4:] for call in desk.gate.passed if call.startswith("put ")]
    for key, body in desk.lake.bodies.items():
        for name in lists(body) if key.startswith("snapshots/") else ():
            mine = left_states_key("abcd1234", name), left_index_key("abcd1234", name)
            assert max(map(puts.index, mine)) < puts.index(key)


def test_they_stand_only_with_a_snapshot_so_for_cuts_whose_record_stands() -> None:
    desk = Desk(records=60, checkpoint_cuts=1_000)
    worker = desk.worker(limits=ONE, pace=type(desk.worker().pace)(checkpoint_seconds=1e9))
    worker.process_records(desk.call(0, 33))
    assert worker.tail.flow.left
    assert not keys(desk, "left/")


def test_the_lake_is_the_same_whatever_stays_in_memory() -> None:
    desk = Desk(records=60)
    worker = read(desk, 60)
    worker.shard_ended(desk.call())
    assert worker.tail.flow.symbols == 1
    prove(desk.lake, [desk.shard], "abcd1234")


def test_every_snapshot_that_is_kept_finds_what_it_lists() -> None:
    desk = Desk(records=200)
    worker = desk.worker(limits=ONE)
    for start in range(0, 200, 5):
        worker.process_records(desk.call(start, start + 5))
        for key in keys(desk, "snapshots/"):
            for name in lists(desk.lake.bodies[key]):
                assert left_states_key("abcd1234", name) in desk.lake.bodies
                assert left_index_key("abcd1234", name) in desk.lake.bodies


def test_objects_that_no_kept_snapshot_lists_are_dropped() -> None:
    desk = Desk(records=200)
    read(desk, 200)
    listed = {n for key in keys(desk, "snapshots/") for n in lists(desk.lake.bodies[key])}
    wanted = {
        f(life, n)
        for n in listed
        for life in ["abcd1234"]
        for f in (left_states_key, left_index_key)
    }
    assert listed
    assert set(keys(desk, "left/")) == wanted


def test_what_a_crash_left_over_is_dropped_by_the_next_worker() -> None:
    desk = Desk(records=200)
    read(desk, 100)
    before = len(keys(desk, "left/"))
    orphan = f"{desk.shard.name}/{desk.at(3).key}-0123456789ab"
    desk.lake.bodies[left_states_key("abcd1234", orphan)] = b"orphan"
    read(desk, 200)
    assert not keys(desk, left_states_key("abcd1234", orphan))
    assert len(keys(desk, "left/")) <= before + 2 * KEPT


@pytest.mark.parametrize("part", [left_states_key, left_index_key])
def test_a_missing_object_stops_the_worker_and_never_gives_a_new_symbol(part: Any) -> None:
    desk = Desk(records=100)
    read(desk, 50)
    for key in keys(desk, "left/"):
        if key.endswith(".index.arrow") == (part is left_index_key):
            del desk.lake.bodies[key]
    with pytest.raises(Stopped, match=r"symbols that left .* but the lake has no left/abcd1234/"):
        read(desk, 100)


def test_the_record_says_how_many_stay_whoever_closes_the_cut() -> None:
    desk = Desk(records=60)
    mine = read(desk, 50, ALL)
    assert not mine.tail.flow.left
    desk.shard.checkpoint = None
    bound = read(desk, 50, ONE)
    assert (bound.tail.flow.symbols, bound.tail.flow.left) == (mine.tail.flow.symbols, ())
    bound.process_records(desk.call(50, 60))
    assert bound.tail.flow.symbols == 1


def test_a_worker_that_lost_the_record_takes_over_its_bound() -> None:
    """Two workers close the same cut, unbound: the first one's record is the other's too."""
    desk = Desk(records=60)
    first, second = desk.worker(limits=ALL), desk.worker(limits=ONE)
    for worker in (first, second):
        worker.process_records(desk.call(0, 20))
    assert (second.tail.flow.symbols, second.tail.flow.left) == (first.tail.flow.symbols, ())


def test_a_record_of_a_release_without_the_bound_lets_all_stay() -> None:
    desk = Desk(records=60)
    read(desk, 50, ALL)
    (body, *_) = (body for key, body in desk.lake.bodies.items() if key.startswith("cuts/"))
    assert b"symbols" not in body
    assert parse(body).symbols == 0
    assert encode(parse(body)) == body


class OwnBound(Tail):
    """Broken: what stays is said by the worker's own setting, not by the record."""

    def begin_next(self, record: CutRecord) -> Batch:
        return super().begin_next(structs.replace(record, symbols=self._limits.symbols))


class Asleep:
    """An actor that owns nothing."""

    def gate(self, at: str) -> None:
        pass


def outslept(tail: type[Tail]) -> Desk:
    """A sleeper wakes, and puts a snapshot ahead of the owner, whose bound is another.

    ``Aq`` is seen once, and lies in an object that the sleeper put while it was the owner.
    A tighter bound gathers it into another, and the first is dropped.
    """
    desk = Desk()
    records = tape(120, 3)
    data = [records.data[0].replace(b'"A0"', b'"Aq"'), *records.data[1:]]
    records = desk.shard.records = replace(records, data=data)
    sleeper = worker_of(desk, tail, 2)
    feed(desk, sleeper, 0, 50)
    sleeper.process_records(desk.call())
    asleep, asleep.actor = desk.checkpointer, Asleep()  # type: ignore[assignment]
    sleeper.tail._limits = Limits(records=5, symbols=0)
    sleeper.pace = Pace(checkpoint_seconds=1e9, checkpoint_cuts=1_000)
    sleeper.clock = Clock(sleeper.pace, lambda: 0.0)
    owner = worker_of(desk, tail, 1)
    sleeper.process_records(Call(asleep, records.slice(50, 98)))
    feed(desk, owner, 50, 100)
    sleeper.process_records(Call(asleep, records.slice(98, 112)))
    sleeper.shutdown_requested(Call(asleep))
    feed(desk, owner, 100, 112)
    owner.shutdown_requested(desk.call())
    assert desk.shard.cursor() == 112
    return desk


def worker_of(desk: Desk, tail: type[Tail], symbols: int) -> Any:
    worker = desk.worker(limits=Limits(records=5, symbols=symbols))
    worker.tail.__class__ = tail
    return worker


def feed(desk: Desk, worker: Any, start: int, stop: int) -> None:
    for at in range(start, stop, 5):
        worker.process_records(desk.call(at, min(at + 5, stop)))


def test_a_sleeper_with_another_bound_lists_nothing_that_was_dropped() -> None:
    outslept(Tail).worker()


def test_it_would_where_each_worker_had_its_own_bound() -> None:
    desk = outslept(OwnBound)
    with pytest.raises(Stopped, match="symbols that left"):
        desk.worker()


# --- collecting, alone -------------------------------------------------------------------


def left(store: MemoryStore, shard: str, number: int) -> str:
    """An object that left ``shard`` at ``number``."""
    name = f"{shard}/{Position(str(number)).key}-0123456789ab"
    store.put_once(left_states_key("life", name), b"states")
    store.put_once(left_index_key("life", name), b"index")
    return name


def objects(store: MemoryStore) -> list[int]:
    """Where the objects left that stand whole, by number."""
    named = [key for key in store.list("left/") if not key.endswith(".index.arrow")]
    assert len(list(store.list("left/"))) == 2 * len(named)
    return [int(key.rsplit("/", 1)[1].split("-")[0]) for key in named]


def saved(store: MemoryStore, collecting: Collector, listed: list[str], *numbers: int) -> None:
    """Checkpoints at these numbers, whose snapshots list ``listed``."""
    collecting._listed_last = lambda: tuple(listed)
    for number in numbers:
        store.put_once(snapshot_key("life", "a", Position(str(number))), b"state")
        collecting.checkpointed(Position(str(number)))


def alone(store: MemoryStore) -> Collector:
    return Collector(store, "life", "a", lambda shard: (), lambda shard: ())


def test_an_object_goes_when_the_oldest_kept_checkpoint_lists_it_no_more() -> None:
    store = MemoryStore()
    collecting, names = alone(store), [left(store, "a", n) for n in (1, 2)]
    saved(store, collecting, names, 3, 4, 5)
    saved(store, collecting, names[1:], 6, 7)
    assert objects(store) == [1, 2]
    saved(store, collecting, names[1:], 8)
    assert objects(store) == [2]


def test_what_left_behind_the_oldest_kept_checkpoint_stays() -> None:
    """It may be put already by a worker that is ahead, and its snapshot not yet."""
    store = MemoryStore()
    collecting = alone(store)
    saved(store, collecting, [], 1, 2, 3)
    left(store, "a", 2)
    left(store, "a", 9)
    saved(store, collecting, [], 4, 5)
    assert objects(store) == [2, 9]


def test_what_another_process_listed_is_not_judged() -> None:
    store = MemoryStore()
    saved(store, alone(store), [left(store, "a", 1)], 2, 3, 4)
    restarted = alone(store)
    saved(store, restarted, [], 5, 6)
    assert objects(store) == [1]
    saved(store, restarted, [], 7)
    assert objects(store) == []


def test_what_left_a_parent_or_another_shard_stays() -> None:
    store = MemoryStore()
    left(store, "b", 1)
    saved(store, alone(store), [left(store, "p", 1)], 2, 3, 4, 5)
    saved(store, alone(store), [], 6, 7, 8, 9)
    assert objects(store) == [1, 1]


# --- the shelf ---------------------------------------------------------------------------


def test_few_objects_are_held_for_another_look() -> None:
    store = MemoryStore()
    names = [left(store, "a", n) for n in range(10)]
    shelf = LakeShelf(store, "life", "a")
    for name in names:
        shelf.states(name)
    store.bodies.clear()
    assert [shelf.states(name) for name in names[-READ_AGAIN:]] == [b"states"] * READ_AGAIN
    with pytest.raises(Stopped):
        shelf.states(names[0])


def test_what_no_snapshot_can_list_any_more_is_let_go_unput() -> None:
    store = MemoryStore()
    shelf = LakeShelf(store, "life", "a")
    early, late = (f"a/{Position(str(n)).key}-0123456789ab" for n in (1, 9))
    for name in (early, late):
        shelf.keep(name, b"states", b"index")
    shelf.put((), Position("5"))
    assert (list(store.bodies), list(shelf._held)) == ([], [late])
    shelf.put((late,), Position("9"))
    assert (objects(store), list(shelf._held)) == ([9], [])
