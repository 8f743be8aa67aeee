"""Every kind of damage to a true lake is found and named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcl_app.core.cut import CutRecord, Place
from kcl_app.core.lake import cut_key, left_index_key, left_states_key, snapshot_key
from kcl_app.core.position import Position
from kcl_app.core.repeats import Horizon, Repeats
from kcl_app.core.snapshot import dump
from kcl_app.core.state import State
from tests.verify.test_verify_alerts import DAMAGES as ALERT_DAMAGES
from tests.verify.true_lake import LIFE, A, B, C, TrueLake, true_lake
from verify.chain import Checkpoint
from verify.findings import KINDS

Damage = Callable[[TrueLake, Callable[[int], int]], None]
"""Damages the lake. The function given picks a number below its argument."""
Pick = Callable[[int], int]

DAMAGES: dict[str, tuple[Damage, set[str]]] = {}


def damage(*kinds: str) -> Callable[[Damage], Damage]:
    """Register under the function's name, with the findings one of which must name it."""

    def register(function: Damage) -> Damage:
        DAMAGES[function.__name__] = (function, set(kinds))
        return function

    return register


def change(lake: TrueLake, record: CutRecord, **fields: Any) -> None:
    """Put the record again under its old key, with other content."""
    key = cut_key(LIFE, record.shard, record.begins_after)
    lake.store.bodies[key] = msgspec.json.encode(msgspec.structs.replace(record, **fields))


def drop(lake: TrueLake, record: CutRecord) -> None:
    del lake.store.bodies[cut_key(LIFE, record.shard, record.begins_after)]


def one(lake: TrueLake, pick: Pick, table: str) -> str:
    """One object of a done cut."""
    keys = lake.objects(table) + lake.objects(table, B)
    return keys[pick(len(keys))]


def cut(lake: TrueLake, pick: Pick) -> CutRecord:
    """One done cut."""
    cuts = [r for r in lake.chain(A) + lake.chain(B)[:1] + lake.chain(C) if r.kind == "cut"]
    return cuts[pick(len(cuts))]


@damage("hole", "checkpoint")
def drop_a_cut_record(lake: TrueLake, pick: Pick) -> None:
    drop(lake, cut(lake, pick))


@damage("hole")
def drop_the_first_cut_record(lake: TrueLake, pick: Pick) -> None:
    drop(lake, lake.chain(A)[0])


@damage("end")
def drop_the_end(lake: TrueLake, pick: Pick) -> None:
    drop(lake, lake.chain(A)[-1])


@damage("parent")
def drop_the_parents_end(lake: TrueLake, pick: Pick) -> None:
    drop(lake, lake.chain(A)[-1])


@damage("end", "parent")
def drop_a_whole_chain(lake: TrueLake, pick: Pick) -> None:
    for record in lake.chain(A):
        drop(lake, record)


@damage("lost")
def drop_an_object(lake: TrueLake, pick: Pick) -> None:
    table = ("ticks", "rejects", "bars", "anomalies")[pick(4)]
    del lake.store.bodies[one(lake, pick, table)]


@damage("rows")
def drop_a_row(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, ("ticks", "rejects")[pick(2)])
    lake.rewrite(key, lake.rows(key)[:-1])


@damage("rows")
def drop_a_derived_row(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, ("bars", "anomalies")[pick(2)])
    lake.rewrite(key, lake.rows(key)[:-1])


@damage("double")
def put_a_row_over_another(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, "ticks")
    first, *others, _ = lake.rows(key)
    lake.rewrite(key, [first, *others, first])


@damage("double", "rows")
def add_a_row_again(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, "ticks")
    rows = lake.rows(key)
    lake.rewrite(key, [*rows, rows[pick(len(rows))]])


@damage("digest")
def move_a_row_to_another_position(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, ("ticks", "rejects")[pick(2)])
    rows = lake.rows(key)
    row = rows[pick(len(rows))]
    name = ("sub_sequence", "line")[pick(2)]
    row[name] += 3
    lake.rewrite(key, rows)


@damage("outside")
def swap_rows_of_two_cuts(lake: TrueLake, pick: Pick) -> None:
    here, there = lake.objects("ticks")[:1] + lake.objects("ticks", B)[:1]
    ours, theirs = lake.rows(here), lake.rows(there)
    lake.rewrite(here, [*ours[:-1], theirs[-1]])
    lake.rewrite(there, [*theirs[:-1], ours[-1]])


@damage("unlisted")
def duplicate_an_object(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, ("ticks", "rejects", "bars", "anomalies")[pick(4)])
    beside = key.replace("dt=2025", "dt=2024")
    lake.store.bodies[beside] = lake.store.bodies[key]


@damage("unlisted")
def leave_an_object_of_a_cut_that_never_was(lake: TrueLake, pick: Pick) -> None:
    key = lake.objects("ticks", C)[0]
    lake.store.bodies[key.replace("HEAD", Position("7777").key)] = lake.store.bodies[key]


@damage("foreign")
def put_a_strangers_file(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, "ticks")
    folder = key.rsplit("/", 1)[0]
    name = ("0a1b2c3d.snappy.parquet", "notes.txt", "copy of a.parquet")[pick(3)]
    lake.store.bodies[f"{folder}/{name}"] = lake.store.bodies[key]


@damage("misplaced")
def shift_a_row_to_another_day(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, "ticks")
    rows = lake.rows(key)
    rows[pick(len(rows))]["timestamp"] += timedelta(days=1 + pick(300))
    lake.rewrite(key, rows)


@damage("misplaced")
def move_a_row_to_another_days_object(lake: TrueLake, pick: Pick) -> None:
    today, tomorrow = next(
        (a, b)
        for a, b in zip(lake.objects("ticks"), lake.objects("ticks")[1:], strict=False)
        if a.split("/")[1] != b.split("/")[1] and a.split("/")[2] == b.split("/")[2]
    )
    lake.rewrite(tomorrow, lake.rows(tomorrow) + lake.rows(today)[-1:])
    lake.rewrite(today, lake.rows(today)[:-1])


@damage("digest")
def tamper_with_a_digest(lake: TrueLake, pick: Pick) -> None:
    change(lake, cut(lake, pick), digest="0" * 32)


@damage("disorder")
def tamper_with_a_count(lake: TrueLake, pick: Pick) -> None:
    record = cut(lake, pick)
    change(lake, record, **[{"rows": record.rows + 1}, {"rejects": record.rejects + 1}][pick(2)])


@damage("vanished")
def forget_records_without_a_trace(lake: TrueLake, pick: Pick) -> None:
    record = cut(lake, pick)
    change(lake, record, records=record.records + 1 + pick(5))


@damage("overlap", "checkpoint")
def let_a_cut_end_later(lake: TrueLake, pick: Pick) -> None:
    record = lake.chain(A)[pick(3)]
    assert record.last is not None
    change(lake, record, last=Place(str(int(record.last.sequence) + 1)))


@damage("hole", "checkpoint")
def let_a_cut_end_earlier(lake: TrueLake, pick: Pick) -> None:
    record = lake.chain(A)[pick(3)]
    assert record.last is not None
    change(lake, record, last=Place(str(int(record.last.sequence) - 1)))


@damage("disorder")
def let_a_cut_end_before_it_begins(lake: TrueLake, pick: Pick) -> None:
    change(lake, cut(lake, pick), last=Place("3"))


@damage("disorder")
def let_a_cut_begin_before_it_begins(lake: TrueLake, pick: Pick) -> None:
    record = lake.chain(A)[1]
    change(lake, record, first=record.after)


@damage("misnamed")
def copy_a_cut_record(lake: TrueLake, pick: Pick) -> None:
    record = lake.chain(A)[pick(3)]
    body = lake.store.bodies[cut_key(LIFE, A, record.begins_after)]
    lake.store.bodies[cut_key(LIFE, A, Position(str(1_001 + pick(3))))] = body


@damage("stranger")
def bring_a_record_of_another_life(lake: TrueLake, pick: Pick) -> None:
    change(lake, cut(lake, pick), **[{"life": "other"}, {"shard": "shardId-9"}][pick(2)])


@damage("unreadable")
def spoil_a_cut_record(lake: TrueLake, pick: Pick) -> None:
    record = cut(lake, pick)
    key = cut_key(LIFE, record.shard, record.begins_after)
    lake.store.bodies[key] = (b"", b"{", b"[]", lake.store.bodies[key][:-2])[pick(4)]


@damage("unreadable")
def spoil_an_object(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, ("ticks", "rejects", "bars", "anomalies")[pick(4)])
    lake.store.bodies[key] = (b"", b"PAR1", lake.store.bodies[key][:-9])[pick(3)]


@damage("after-end")
def write_on_after_the_end(lake: TrueLake, pick: Pick) -> None:
    end = lake.chain(A)[-1].begins_after
    assert end is not None
    after = Place(str(int(end.sequence) + 5))
    lake.put(CutRecord(LIFE, A, after, Place("9000"), Place("9001"), digest="0" * 32))


@damage("checkpoint")
def checkpoint_past_the_chain(lake: TrueLake, pick: Pick) -> None:
    shard = (B, C)[pick(2)]
    lake.lease(shard, Checkpoint("position", Position(str(8_000 + pick(100)))), A)


@damage("checkpoint")
def checkpoint_inside_a_cut(lake: TrueLake, pick: Pick) -> None:
    record = lake.chain(C)[0]
    assert record.first is not None
    lake.lease(C, Checkpoint("position", record.first.position), A)


@damage("checkpoint")
def checkpoint_a_shard_without_chain(lake: TrueLake, pick: Pick) -> None:
    lake.lease("shardId-000000000007", Checkpoint("position", Position("5")))


@damage("end")
def end_a_lease_too_early(lake: TrueLake, pick: Pick) -> None:
    lake.lease((B, C)[pick(2)], Checkpoint("end"), A)


@damage("lease")
def lose_a_lease(lake: TrueLake, pick: Pick) -> None:
    del lake.leases[(B, C)[pick(2)]]


@damage("parent")
def begin_before_the_parents_end(lake: TrueLake, pick: Pick) -> None:
    lake.lease(B, lake.leases[B].checkpoint, C)


@damage("snapshot")
def lose_a_snapshot(lake: TrueLake, pick: Pick) -> None:
    shard = (B, C)[pick(2)]
    del lake.store.bodies[snapshot_key(LIFE, shard, lake.leases[shard].checkpoint.position)]


@damage("snapshot")
def lose_a_final_snapshot_that_a_child_needs(lake: TrueLake, pick: Pick) -> None:
    lake.lease("shardId-000000000003", Checkpoint("nothing"), A)
    del lake.store.bodies[snapshot_key(LIFE, A, lake.chain(A)[-1].begins_after)]


@damage("snapshot")
def break_a_snapshot(lake: TrueLake, pick: Pick) -> None:
    shard = (B, C)[pick(2)]
    at = lake.leases[shard].checkpoint.position
    lake.store.bodies[snapshot_key(LIFE, shard, at)] = b"state"


@damage("snapshot")
def lose_what_a_snapshot_lists(lake: TrueLake, pick: Pick) -> None:
    """The states of symbols that left memory, or their index."""
    name = f"{C}/{Position('6000').key}-0123"
    parts = [left_states_key(LIFE, name), left_index_key(LIFE, name)]
    lake.store.bodies[parts[pick(2)]] = b"states"
    at = lake.leases[C].checkpoint.position
    state, ids = State(()), Repeats(Horizon()).table()
    lake.store.bodies[snapshot_key(LIFE, C, at)] = dump(state, ids, [name])


@damage("revision")
def number_a_bar_wrongly(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, "bars")
    rows = lake.rows(key)
    rows[pick(len(rows))]["revision"] += 1 + pick(3)
    lake.rewrite(key, rows)


@damage("anomaly")
def flag_a_tick_that_is_not_there(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, "anomalies")
    rows = lake.rows(key)
    rows[pick(len(rows))]["line"] = 4
    lake.rewrite(key, rows)


@damage("missing")
def produce_more_than_is_stored(lake: TrueLake, pick: Pick) -> None:
    # as many as the pending cut may still store prove nothing
    lake.produced += [f"never-{number}" for number in range(1 + pick(9))]
    lake.manifest()
    at = lake.chain(B)[1]
    drop(lake, at)
    lake.produced = [
        name for name in lake.produced if name not in {f"1-{n}" for n in range(16, 25)}
    ]
    lake.manifest()


@damage("columns")
def write_without_a_column(lake: TrueLake, pick: Pick) -> None:
    key = one(lake, pick, "ticks")
    lake.store.bodies[key] = lake.store.bodies[one(lake, pick, "rejects")]


@pytest.mark.parametrize("name", sorted(DAMAGES))
def test_damage_is_found_and_named(name: str) -> None:
    """The first choice of every damage: found, named, and nothing else is said to be right."""
    function, kinds = DAMAGES[name]
    lake = true_lake()
    function(lake, lambda below: 0)
    report = lake.proof()
    assert not report.ok
    assert kinds & set(report.counts), report.findings


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_damage_is_found_wherever_it_strikes(data: st.DataObject) -> None:
    function, kinds = DAMAGES[data.draw(st.sampled_from(sorted(DAMAGES)), "damage")]
    lake = true_lake()
    function(lake, lambda below: data.draw(st.integers(0, below - 1)))
    assert kinds & set(lake.proof().counts)


def test_every_kind_of_failure_has_its_damage() -> None:
    caused = ALERT_DAMAGES.keys() | set().union(*(kinds for _, kinds in DAMAGES.values()))
    assert {kind for kind, told in KINDS.items() if told.fails} <= caused
