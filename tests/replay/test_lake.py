"""A lake replayed is the same lake, to the last bit of every value."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcl_app.core.decode import Decoder
from kcl_app.core.records import Records
from replay.origin import ReplayError
from replay.stored import StoredRecords
from tests.replay.world import KEPT, LIFE, NEW, Bodies, Killed, origin_of, replayed, stream
from tests.schedules.shard import tape

SHARD = "shardId-000000000000"


def tick(n: int, symbol: str = "AAA", **more: object) -> bytes:
    row = {"symbol": symbol, "timestamp": 1_736_175_600_000 + 20_000 * n, "price": 100 + n * 0.37}
    return json.dumps({**row, "volume": n, **more}).encode()


def records(data: list[bytes], first: int = 10**20, key: str = "AAA") -> Records:
    count = len(data)
    arrivals = [1_736_175_600_000 + 40 * n for n in range(count)]
    return Records(
        [str(first + 3 * n) for n in range(count)], [0] * count, arrivals, [key] * count, data
    )


def same(one: Bodies, other: Bodies) -> None:
    for name in ("ticks", "rejects", "anomalies"):
        assert one.rows(name) == other.rows(name)
    assert one.final_bars() == other.final_bars()


@pytest.fixture(scope="module")
def original() -> Bodies:
    """Single ticks, many lines, garbage, aggregated records, late ticks."""
    bodies = Bodies()
    stream(bodies, SHARD, tape(120))
    return bodies


def test_a_replayed_lake_equals_the_original_in_every_column(original: Bodies) -> None:
    same(replayed(origin_of(original)), original)


def test_cut_otherwise_it_still_does(original: Bodies) -> None:
    same(replayed(origin_of(original), cut=1), original)
    same(replayed(origin_of(original), cut=1_000), original)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_killed_at_any_write_it_goes_on_and_nothing_is_lost_or_doubled(fuses: list[int]) -> None:
    bodies = Bodies()
    stream(bodies, SHARD, tape(60))
    into = Bodies()
    for fuse in fuses:
        into.fuse = fuse
        try:
            replayed(origin_of(bodies), into)
        except Killed:
            continue
    into.fuse = float("inf")
    same(replayed(origin_of(bodies), into), bodies)


def test_what_was_left_out_as_a_repeat_stays_left_out() -> None:
    lines = [tick(n, id=f"id-{n % 9}") for n in range(30)]
    bodies = Bodies()
    stream(bodies, SHARD, records(lines))
    assert bodies.table("ticks").num_rows == 9
    same(replayed(origin_of(bodies)), bodies)


def test_an_id_that_was_accepted_twice_is_accepted_twice() -> None:
    far = replace(records([tick(n, id="one") for n in range(2)]), arrivals=[0, 10**9])
    bodies = Bodies()
    stream(bodies, SHARD, far)
    assert bodies.table("ticks").num_rows == 2
    same(replayed(origin_of(bodies)), bodies)


def test_a_line_keeps_its_number_where_those_before_it_were_repeats() -> None:
    first = b"\n".join([tick(0, id="a"), tick(1, id="b")])
    again = b"\n".join([tick(0, id="a"), tick(1, id="b"), tick(2, id="c")])
    bodies = Bodies()
    stream(bodies, SHARD, records([first, again]))
    assert bodies.table("ticks")["line"].to_pylist() == [0, 1, 2]
    same(replayed(origin_of(bodies)), bodies)


def test_a_reject_keeps_its_partition_key_beside_ticks_of_its_record() -> None:
    bodies = Bodies()
    stream(bodies, SHARD, records([tick(0) + b"\nnot json"], key="some key"))
    assert bodies.table("rejects")["partition_key"].to_pylist() == ["some key"]
    same(replayed(origin_of(bodies)), bodies)


def test_what_a_later_release_accepts_is_accepted_when_replayed() -> None:
    bodies = Bodies()
    stream(bodies, SHARD, records([tick(0, timestamp="2150-01-01T00:00:00Z"), tick(1)]))
    assert bodies.table("rejects").num_rows == 1

    class Later(Decoder):
        def __init__(self, zone: str, earliest_year: int, latest_year: int) -> None:
            super().__init__(zone, earliest_year, 2199)

    (read,) = origin_of(bodies).read(SHARD, None)
    assert Later("America/New_York", 1990, 2099).decode(read).ticks.size == 2


#   parent  AAA BBB  |--------|END
#   child 1 AAA               |-----      child 2 BBB  |-----
def test_children_go_on_with_what_their_parent_knew() -> None:
    bodies = Bodies()
    names = [f"shardId-00000000000{n}" for n in range(3)]
    both = [tick(n, "AB"[n % 2] * 3) for n in range(60)]
    stream(bodies, names[0], records(both))
    for child, symbol in ((names[1], "AAA"), (names[2], "BBB")):
        later = [tick(60 + n, symbol) for n in range(30)]
        stream(bodies, child, records(later, 10**21), ended=False, parents=lambda shard: names[:1])
    found = replayed(origin_of(bodies))
    same(found, bodies)
    assert found.table("ticks")["sma_20"].null_count == 2 * 19


def test_shards_are_read_parents_first_whatever_their_names() -> None:
    bodies = Bodies()
    stream(bodies, "shardId-9", records([tick(n) for n in range(5)]))
    stream(bodies, "shardId-1", records([tick(9)], 10**21), ended=False)
    origin = origin_of(bodies)
    assert list(origin.shards()) == ["shardId-9", "shardId-1"]
    assert list(origin.parents("shardId-1")) == ["shardId-9"]
    assert list(origin.parents("shardId-9")) == []


def test_a_living_lake_is_read_up_to_its_checkpoint_and_read_on_later() -> None:
    lines = [tick(n) for n in range(40)]
    bodies = Bodies()
    stream(bodies, SHARD, records(lines[:20]), ended=False)
    into = replayed(origin_of(bodies))
    assert into.table("ticks").num_rows == 20
    state = {key: body for key, body in bodies.bodies.items() if key.startswith("checkpoints/")}
    assert len(state) > 1
    more = Bodies()
    stream(more, SHARD, records(lines), ended=False)
    into = replayed(origin_of(more), into)
    same(into, more)


def test_cuts_past_the_checkpoint_are_left_alone() -> None:
    bodies = Bodies()
    stream(bodies, SHARD, records([tick(n) for n in range(40)]), ended=False)
    states = sorted(key for key in bodies.bodies if key.startswith("snapshots/"))
    for key in states[1:]:
        del bodies.bodies[key]
    assert replayed(origin_of(bodies)).table("ticks").num_rows == 14


def test_a_shard_that_ended_is_read_whole_though_its_states_are_gone(original: Bodies) -> None:
    rest = {k: body for k, body in original.bodies.items() if not k.startswith("snapshots/")}
    same(replayed(origin_of(Bodies(rest))), original)


def test_a_missing_object_is_damage_not_the_end(original: Bodies) -> None:
    gone = next(key for key in original.bodies if key.startswith("ticks/"))
    rest = {key: body for key, body in original.bodies.items() if key != gone}
    with pytest.raises(ReplayError, match=f"{gone} is missing"):
        replayed(origin_of(Bodies(rest)))


def test_an_object_with_other_rows_than_its_cut_says_is_damage(original: Bodies) -> None:
    one, other = [key for key in original.bodies if key.startswith("ticks/")][:2]
    swapped = {**original.bodies, one: original.bodies[other]}
    with pytest.raises(ReplayError, match="its objects hold"):
        replayed(origin_of(Bodies(swapped)))


def test_a_hole_in_the_chain_is_damage(original: Bodies) -> None:
    cuts = sorted(key for key in original.bodies if key.startswith(f"cuts/{LIFE}"))
    rest = {key: body for key, body in original.bodies.items() if key != cuts[1]}
    with pytest.raises(ReplayError, match="has a hole"):
        replayed(origin_of(Bodies(rest)))


def test_a_replay_of_a_replay_is_the_same_again(original: Bodies) -> None:
    once = replayed(origin_of(original))
    origin = origin_of(once)
    origin.life = NEW
    again = Bodies()
    for body_of in (once, replayed(origin, again, KEPT, 5)):
        same(body_of, original)


def test_records_of_several_lines_keep_them_when_sliced() -> None:
    bodies = Bodies()
    stream(bodies, SHARD, records([tick(0) + b"\n" + tick(1), tick(2)]))
    (read,) = origin_of(bodies).read(SHARD, None)
    assert isinstance(read, StoredRecords)
    assert [[line for line, _, _ in rows] for rows in read.slice(0, 1).rows] == [[0, 1]]
