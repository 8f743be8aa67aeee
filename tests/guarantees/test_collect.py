"""Snapshots are dropped only where no start can need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from config.site import Site
from kcl_app.collect import KEPT, Collector
from kcl_app.core.lake import snapshot_key
from kcl_app.core.position import Position
from kcl_app.family import Family
from kcl_app.stopped import Stopped
from kcl_app.wiring import lake_store
from tests.guarantees.desk import Desk
from tests.verify.true_lake import MemoryStore

PARENTS: Mapping[str, Sequence[str]] = {"a": (), "b": ("a",), "c": ("a",), "d": ("b", "c")}
"""a splits into b and c, which merge into d."""


def collector(store: MemoryStore, shard: str = "a") -> Collector:
    return Collector(store, "life", shard, PARENTS.__getitem__, children)


def children(parent: str) -> list[str]:
    return [shard for shard, parents in PARENTS.items() if parent in parents]


def put(store: MemoryStore, shard: str, *numbers: int) -> None:
    for number in numbers:
        store.put_once(snapshot_key("life", shard, Position(str(number))), b"state")


def kept(store: MemoryStore, shard: str = "a") -> list[int]:
    keys = store.list(f"snapshots/life/{shard}/")
    return [int(key.rsplit("/", 1)[1].split("-")[0]) for key in keys]


def test_the_last_few_checkpoints_keep_their_snapshots() -> None:
    store = MemoryStore()
    collecting = collector(store)
    for number in range(1, 9):
        put(store, "a", number)
        collecting.checkpointed(Position(str(number)))
    assert kept(store) == [6, 7, 8]
    assert len(kept(store)) == KEPT


def test_a_restart_goes_on_with_what_it_finds() -> None:
    store = MemoryStore()
    put(store, "a", 1, 2, 3, 4, 5)
    collector(store).checkpointed(Position("5"))
    assert kept(store) == [3, 4, 5]


def test_a_snapshot_past_the_checkpoint_is_not_looked_at() -> None:
    """A snapshot stands before its checkpoint: the crash between them leaves one ahead."""
    store = MemoryStore()
    put(store, "a", 1, 2, 3, 4, 90)
    collector(store).checkpointed(Position("4"))
    assert kept(store) == [2, 3, 4, 90]


def test_positions_of_other_length_are_in_stream_order() -> None:
    store = MemoryStore()
    put(store, "a", 9, 10, 11, 100)
    collector(store).checkpointed(Position("100"))
    assert kept(store) == [10, 11, 100]


def test_a_late_zombie_drops_nothing_that_the_owner_needs() -> None:
    store = MemoryStore()
    zombie = collector(store)
    put(store, "a", 1, 2, 3)
    zombie.checkpointed(Position("2"))
    put(store, "a", 4, 5, 6, 7, 8)
    zombie.checkpointed(Position("3"))
    assert kept(store) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_a_parents_last_snapshot_stays_until_every_child_was_checkpointed() -> None:
    store = MemoryStore()
    put(store, "a", 7)
    collector(store, "b").checkpointed(Position("11"))
    assert kept(store) == [7]
    collector(store, "c").checkpointed(Position("12"))
    assert kept(store) == []


def test_a_childs_snapshot_alone_does_not_free_its_parent() -> None:
    store = MemoryStore()
    put(store, "a", 7)
    put(store, "c", 12)
    collector(store, "b").checkpointed(Position("11"))
    assert kept(store) == [7]


def test_both_parents_of_a_merge_are_freed_by_their_child() -> None:
    store = MemoryStore()
    put(store, "b", 7)
    store.put_once(snapshot_key("life", "c", None), b"state")
    collector(store, "d").checkpointed(None)
    assert not list(store.list("snapshots/"))


def test_a_parent_whose_children_nobody_knows_is_kept() -> None:
    store = MemoryStore()
    put(store, "a", 7)
    lonely = Collector(store, "life", "b", PARENTS.__getitem__, lambda parent: ())
    lonely.checkpointed(Position("11"))
    assert kept(store) == [7]


def test_a_worker_drops_behind_its_checkpoints_and_can_be_restarted_from_each() -> None:
    desk = Desk(records=60, cut_records=5)
    worker = desk.worker()
    for start in range(0, 60, 5):
        worker.process_records(desk.call(start, start + 5))
        desk.worker()
    found = [key for key in desk.lake.bodies if key.startswith("snapshots/")]
    assert 0 < len(found) <= KEPT + 1


def test_a_starter_that_slept_over_its_snapshot_stops() -> None:
    desk = Desk(records=60, cut_records=5)
    worker = desk.worker()
    worker.process_records(desk.call(0, 10))
    worker.process_records(desk.call())
    slept = desk.shard.checkpoint
    for start in range(10, 60, 5):
        worker.process_records(desk.call(start, start + 5))
    desk.shard.checkpoint = slept
    with pytest.raises(Stopped, match="another worker has gone on with the shard"):
        desk.worker()


def test_the_store_drops_a_key_and_asks_no_questions(provisioned: Site) -> None:
    store = lake_store(provisioned)
    store.put_once("snapshots/life/a/1", b"state")
    store.drop("snapshots/life/a/1")
    store.drop("snapshots/life/a/1")
    assert store.get("snapshots/life/a/1") is None


# --- the family --------------------------------------------------------------------------


class Listing:
    """ListShards of a split, in two pages."""

    def get_paginator(self, name: str) -> Listing:
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        born = {"ShardId": "d", "ParentShardId": "b", "AdjacentParentShardId": "c"}
        return [{"Shards": [{"ShardId": "b", "ParentShardId": "a"}]}, {"Shards": [born]}]


def test_kin_are_found_over_pages_and_after_the_parent_has_gone() -> None:
    family = Family(Listing(), "ticks")
    assert (family.parents("d"), family.children("a"), family.children("c")) == (
        ["b", "c"],
        ["b"],
        ["d"],
    )


def test_a_shard_that_the_stream_does_not_list_is_named() -> None:
    with pytest.raises(Stopped, match="shard z is not in stream ticks any more"):
        Family(Listing(), "ticks").parents("z")
