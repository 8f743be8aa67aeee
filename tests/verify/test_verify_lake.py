"""A true lake is said to be true, and what is counted is told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from kcl_app.core.cut import CutRecord, Place
from kcl_app.core.flow import Flow, Rules
from kcl_app.core.lake import LIFE as LIFE_KEY
from kcl_app.core.lake import (
    begun_key,
    left_index_key,
    left_states_key,
    object_key,
    snapshot_key,
)
from kcl_app.core.position import Position
from kcl_app.core.schema import TABLES
from kcl_app.dead_letter import letter_key
from tests.verify.true_lake import LIFE, A, B, C, TrueLake, true_lake
from verify import KINDS, Facts, Report, Scope, prove
from verify.chain import Checkpoint
from verify.lake import StoreLake
from verify.leases import Lease, parse
from verify.manifest import reject_ids
from verify.names import Names
from verify.positions import digest_of, ordered


def counts(report: Report) -> dict[str, int]:
    return report.counts


def test_a_true_lake_is_proven_in_one_line() -> None:
    report = true_lake(pending=False).proof()
    assert report.line == (
        "verify: produced=71 stored=66 missing=0 repeated=0 overlaps=0 rejects=5"
    )
    assert report.ok
    assert not report.findings


def test_what_is_not_checkpointed_is_pending_and_told_apart() -> None:
    report = true_lake().proof()
    assert report.ok
    assert report.line.endswith("missing=0 repeated=0 overlaps=0 rejects=5 pending=9")


@pytest.mark.parametrize("table", ["ticks", "rejects", "bars", "anomalies"])
def test_a_pending_cut_that_is_half_written_is_no_error(table: str) -> None:
    report = true_lake(stored=(table,)).proof()
    assert (report.ok, report.pending, report.missing) == (True, 9, 0)


def test_a_pending_cut_with_wrong_rows_is_an_error() -> None:
    lake = true_lake()
    young = lake.chain(B)[1]
    for entry in young.objects:
        done = lake.objects(entry.table, B)
        if entry.table in ("ticks", "rejects") and done:
            lake.store.bodies[object_key(young, entry)] = lake.store.bodies[done[0]]
    assert {"rows", "outside"} <= set(lake.proof().counts)


def test_an_empty_lake_stores_nothing_and_is_right() -> None:
    report = prove(StoreLake(TrueLake().store), Facts(LIFE, leases={}))
    assert report.ok
    assert report.line == "verify: produced=? stored=0 missing=0 repeated=? overlaps=0 rejects=0"


def test_without_a_manifest_produced_is_unknown() -> None:
    lake = true_lake(pending=False)
    del lake.store.bodies["produced/run-00001.parquet"]
    assert lake.proof().line.startswith("verify: produced=? stored=66 missing=0 repeated=0")


def test_rows_of_a_lost_object_are_missing_even_without_a_manifest() -> None:
    lake = true_lake(pending=False)
    del lake.store.bodies["produced/run-00001.parquet"]
    key = lake.objects("ticks")[0]
    rows = len(lake.rows(key))
    del lake.store.bodies[key]
    assert lake.proof().missing == rows


def test_a_producers_repeat_is_counted_and_is_no_damage() -> None:
    lake = true_lake(pending=False)
    key = lake.objects("ticks")[0]
    first, second, *others = lake.rows(key)
    lake.rewrite(key, [first, {**second, "id": first["id"]}, *others])
    lake.produced.remove(second["id"])
    lake.manifest()
    report = lake.proof()
    assert (report.ok, report.repeated, report.counts) == (True, 1, {"repeated": 1})


def test_repeats_that_the_application_dropped_are_not_missing() -> None:
    lake = true_lake(pending=False)
    record = lake.chain(C)[0]
    changed = msgspec.structs.replace(record, records=record.records + 2, repeats=2)
    lake.put(changed)
    report = lake.proof()
    assert (report.ok, report.dropped) == (True, 2)


def test_derived_rows_of_another_release_are_not_counted() -> None:
    lake = true_lake(pending=False)
    lake.put(msgspec.structs.replace(lake.chain(C)[0], values="release 2"))
    key = lake.objects("anomalies", C)[0]
    lake.rewrite(key, lake.rows(key)[:-1])
    assert lake.proof().ok


def test_a_lease_that_the_kcl_removed_belongs_to_an_ended_shard() -> None:
    lake = true_lake(pending=False)
    del lake.leases[A]
    assert lake.proof().ok


def test_a_life_that_is_over_is_judged_by_itself() -> None:
    report = true_lake(pending=False).proof(leases=None, over=True)
    assert (report.ok, report.stored) == (True, 66)


def test_objects_of_another_life_are_told_and_not_counted() -> None:
    lake = true_lake(pending=False)
    lake.store.bodies["cuts/life-1-again/shardId-0/HEAD.json"] = b"{}"
    lake.store.bodies["ticks/dt=2025-01-31/life-1-again-shardId-0-HEAD.parquet"] = b""
    assert lake.proof().counts == {"other-life": 1}


def test_a_confirmed_gap_is_listed() -> None:
    lake = true_lake(pending=False)
    end = lake.leases[C].checkpoint.position
    assert end is not None
    lake.put(CutRecord(LIFE, C, Place.of(end), last=Place("7000"), kind="gap", reason="retention"))
    lake.lease(C, Checkpoint("position", Position("7000")), A)
    lake.snapshot(C, Position("7000"))
    report = lake.proof()
    assert (report.ok, report.counts) == (True, {"gap": 1})


def test_a_shard_that_began_while_verify_ran_is_looked_up_again() -> None:
    lake = true_lake()
    before = {A: lake.leases[A]}
    report = prove(
        StoreLake(lake.store), Facts(LIFE, leases=before), leases_again=lambda: lake.leases
    )
    assert report.ok


def test_a_snapshot_collected_because_the_checkpoint_moved_on_is_no_error() -> None:
    lake = true_lake()
    now = dict(lake.leases)
    behind = Checkpoint("position", lake.chain(A)[0].ends_at)
    earlier = {**now, A: Lease(A, behind)}
    report = prove(StoreLake(lake.store), Facts(LIFE, leases=earlier), leases_again=lambda: now)
    assert report.ok


def test_what_the_house_writes_beside_the_tables_is_no_stranger() -> None:
    lake = true_lake(pending=False)
    store, at = lake.store, Position("1007")
    state = Flow("", Rules("UTC", (), ())).snapshot()
    for key in (
        LIFE_KEY,
        letter_key("sns", "anomalies", A, {"sequence": "1", "sub_sequence": 0}, b"{}"),
        left_states_key(LIFE, f"{A}/{at.key}-0123"),
        left_index_key(LIFE, f"{A}/{at.key}-0123"),
        begun_key(LIFE, B),
        snapshot_key(LIFE, A, at),
        f"checkpoints/{LIFE}/{A}/{at.key}.json",
        f"control/quiet/{LIFE}/{A}",
        "ticks/_SUCCESS",
    ):
        store.create(key, state)
    assert lake.proof().counts == {}


@pytest.mark.parametrize("table", sorted(TABLES))
@pytest.mark.parametrize("name", ["notes.txt", "part-0000.parquet", "dt=2025-01-31/x.parquet"])
def test_a_foreign_object_below_a_table_is_a_stranger(table: str, name: str) -> None:
    lake = true_lake(pending=False)
    lake.store.create(f"{table}/{name}", b"x")
    assert lake.proof().counts == {"foreign": 1}


# --- scope -------------------------------------------------------------------------


def test_one_day_is_proven_alone() -> None:
    lake = true_lake(pending=False)
    whole = lake.proof()
    days = [lake.proof(Scope(start=day, end=day)) for day in ("2025-01-31", "2025-02-01")]
    assert all(day.ok for day in days)
    assert sum(day.stored for day in days) == whole.stored
    assert days[0].produced is None


def test_damage_outside_of_the_day_is_not_looked_at() -> None:
    lake = true_lake(pending=False)
    late = next(key for key in reversed(lake.objects("bars")) if "2025-02-01" in key)
    del lake.store.bodies[late]
    assert lake.proof(Scope(end="2025-01-31")).ok
    assert not lake.proof(Scope(start="2025-02-01")).ok


def test_one_table_is_proven_with_the_digest_over_both() -> None:
    lake = true_lake(pending=False)
    lake.store.bodies.pop(lake.objects("bars")[0])
    report = lake.proof(Scope(tables=frozenset({"ticks"})))
    assert (report.ok, report.stored, report.rejects) == (True, 66, 0)


def test_one_shard_is_proven_alone_and_its_parents_looked_at() -> None:
    lake = true_lake(pending=False)
    report = lake.proof(Scope(shards=frozenset({C})))
    assert (report.ok, [shard.shard for shard in report.shards]) == (True, [C])


def test_a_quick_proof_reads_no_positions() -> None:
    lake = true_lake(pending=False)
    lake.put(msgspec.structs.replace(lake.chain(C)[0], digest="0" * 32))
    report = lake.proof(Scope(quick=True))
    assert report.ok
    assert report.line == "verify: produced=? stored=66 missing=0 repeated=? overlaps=0 rejects=5"


def test_a_quick_proof_finds_a_lost_object() -> None:
    lake = true_lake(pending=False)
    del lake.store.bodies[lake.objects("ticks")[0]]
    assert lake.proof(Scope(quick=True)).counts == {"lost": 1}


# --- report ------------------------------------------------------------------------


def test_a_report_survives_json() -> None:
    report = true_lake().proof()
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_many_findings_are_counted_and_the_first_are_kept() -> None:
    lake = true_lake(pending=False)
    body = lake.store.bodies[lake.objects("ticks")[0]]
    for number in range(70):
        name = f"{LIFE}-{A}-{Position(str(number)).key}.parquet"
        lake.store.bodies[f"ticks/dt=2025-01-31/{name}"] = body
    report = lake.proof()
    assert (report.counts["unlisted"], len(report.findings)) == (70, 50)


def test_every_finding_says_what_it_means_and_what_to_do() -> None:
    lake = true_lake(pending=False)
    del lake.store.bodies[lake.objects("ticks")[0]]
    lost, missing = lake.proof().document()["findings"]
    assert (lost["kind"], missing["kind"]) == ("lost", "missing")
    assert lost["shard"] == A
    assert lost["positions"] == ["HEAD"]
    assert lost["objects"][0].startswith("ticks/dt=2025-01-31/life-1-shardId-000000000000-HEAD")
    assert all(finding["means"] and finding["do"] for finding in (lost, missing))


# --- small parts -------------------------------------------------------------------


def test_what_is_no_lease_in_the_lease_table_is_passed_over() -> None:
    lease = {"leaseKey": {"S": "s"}, "checkpoint": {"S": "7"}}
    assert parse(lease) is not None
    assert parse({**lease, "entityType": {"S": "WORKER_METRICS"}}) is None
    assert parse({"leaseKey": {"S": "Migration3.0"}}) is None


def test_the_id_of_a_reject_is_found_even_in_broken_json() -> None:
    lines = [b'{"id": "a"}', b'{"price": NaN, "id": "b\\u0041"', b"\xff\xfe", b'{"id": 7}', b""]
    assert reject_ids(pa.array(lines)).to_pylist() == ["a", "bA", None, "7", None]


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("life-1-shardId-000000000000-HEAD.parquet", "life-1"),
        ("life-1-again-shardId-000000000000-HEAD.parquet", "life-1-again"),
        ("nobody-shardId-000000000000-HEAD.parquet", None),
        ("life-1-shardId-000000000000-12.parquet", None),
    ],
)
def test_an_object_belongs_to_the_life_in_its_name(name: str, owner: str | None) -> None:
    names = Names("life-1", frozenset({"life-1", "life-1-again"}))
    assert names.owner(f"ticks/dt=2025-01-31/{name}") == owner


def test_the_order_of_rows_in_an_object_does_not_matter() -> None:
    rows = {"sequence": ["10", "9", "009"], "sub_sequence": [0, 1, 0], "line": [0, 0, 4]}
    table = pa.table(rows)
    assert digest_of(ordered([table])) == digest_of(ordered([table.slice(2), table.slice(0, 2)]))
    assert ordered([table])["line"].to_pylist() == [4, 0, 0]


def test_the_page_about_verify_lists_every_finding() -> None:
    page = (Path(__file__).parents[2] / "docs" / "verify.md").read_text()
    for name, kind in KINDS.items():
        assert f"| `{name}` | {kind.means} | {kind.do} |" in page
