"""A checkpoint past retention: said, confirmed, gone on after; never passed over."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
import typer
from typer.testing import CliRunner

from cli import gap as gap_command
from cli import verify as verify_command
from config.load import dump
from config.site import Site
from kcl_app.core.cut import CutRecord, parse
from kcl_app.core.lake import cut_key
from kcl_app.core.position import Position
from kcl_app.gap import GapRefused, confirm
from kcl_app.preflight import open_lake
from kcl_app.processor import ShardProcessor
from kcl_app.retention import Found
from kcl_app.stopped import Stopped
from kcl_app.wiring import lake_store, retention
from tests.guarantees.desk import Desk
from tests.guarantees.old_stream import MONDAY
from tests.schedules.play import LIFE
from tests.schedules.shard import Call
from tests.verify.test_verify_site import SiteLake
from verify.chain import Checkpoint, prove
from verify.leases import Lease


@dataclass
class Trimmed:
    """A stream whose records before ``kept`` have expired; None: all of them."""

    desk: Desk
    kept: int | None = 0
    quiet_after: list[Position] = field(default_factory=list)

    def gap(self, shard: str, at: Position) -> str:
        oldest = self.oldest(shard).at
        there = oldest is not None and oldest.order[0] <= at.order[0]
        return "" if there or at in self.quiet_after else f"{shard}: {at} is gone"

    def oldest(self, shard: str) -> Found:
        at = self.desk.at(self.kept) if self.kept is not None else None
        return Found(at, MONDAY, MONDAY)

    def quiet(self, shard: str, at: Position) -> None:
        self.quiet_after.append(at)


def checkpointed(desk: Desk, count: int, unsaved: int = 0) -> ShardProcessor:
    """A worker has checkpointed ``count`` records, and cut ``unsaved`` more."""
    worker = desk.worker()
    worker.process_records(desk.call(0, count))
    for _ in range(2):
        desk.clock += 60
        worker.process_records(desk.call())
    assert desk.shard.checkpoint == desk.at(count - 1)
    if unsaved:
        worker.pace = type(worker.pace)(checkpoint_seconds=1e9, checkpoint_cuts=99)
        worker.process_records(desk.call(count, count + unsaved))
    return worker


def lose_leases(desk: Desk) -> None:
    desk.shard.checkpoint = None


def confirmed(desk: Desk, stream: Trimmed) -> CutRecord:
    assert desk.shard.checkpoint is not None
    store = desk.worker(retention=Trimmed(desk)).store
    return confirm(store, stream, LIFE, desk.shard.name, desk.shard.checkpoint).record


def stored(desk: Desk) -> list[str]:
    return sorted({row["sequence"] for row in desk.lake.table("ticks").to_pylist()})


def test_a_worker_does_not_start_over_a_gap() -> None:
    desk = Desk()
    checkpointed(desk, 8)
    before = dict(desk.lake.bodies)
    with pytest.raises(Stopped, match="is gone"):
        desk.worker(retention=Trimmed(desk, 12))
    assert desk.lake.bodies == before


def test_a_confirmed_gap_is_gone_on_after() -> None:
    """0 ... 7 checkpointed | 8 ... 11 expired | 12 ... 23 read"""
    desk = Desk()
    checkpointed(desk, 8)
    stream = Trimmed(desk, 12)
    gap = confirmed(desk, stream)
    worker = desk.worker(retention=stream)
    worker.process_records(desk.call(12, 24))
    worker.shard_ended(desk.call())
    assert desk.shard.ended
    cuts = {cut_key(LIFE, c.shard, c.begins_after): c for c in desk.lake.cuts()}
    order = sorted(cuts.items(), key=lambda named: ("HEAD" not in named[0], named[0]))
    chain = prove(order, Checkpoint("end"), LIFE, desk.shard.name)
    assert chain.found == []
    assert chain.gaps == [(desk.at(7), gap.ends_at)]
    ticks = {desk.at(n).sequence for n in (*range(8), *range(12, 24))}
    assert {s.lstrip("0") for s in stored(desk)} <= ticks


def test_a_gap_behind_cuts_that_were_never_checkpointed_is_gone_on_after() -> None:
    desk = Desk()
    checkpointed(desk, 4, unsaved=8)
    stream = Trimmed(desk, 18)
    gap = confirmed(desk, stream)
    assert gap.begins_after == desk.at(11)
    worker = desk.worker(retention=stream)
    worker.process_records(desk.call(18, 24))
    worker.shard_ended(desk.call())
    assert desk.shard.ended


def test_a_gap_that_ends_inside_a_standing_cut_ends_behind_it() -> None:
    desk = Desk()
    checkpointed(desk, 4, unsaved=8)
    stream = Trimmed(desk, 6)
    gap = confirmed(desk, stream)
    assert (gap.begins_after, gap.first) == (desk.at(11), None)
    worker = desk.worker(retention=stream)
    worker.process_records(desk.call(6, 24))
    worker.shard_ended(desk.call())
    assert desk.shard.ended


def test_records_that_expire_after_the_confirmation_are_a_gap_of_their_own() -> None:
    desk = Desk()
    checkpointed(desk, 8)
    confirmed(desk, Trimmed(desk, 12))
    later = Trimmed(desk, 16)
    with pytest.raises(Stopped, match=f"{desk.at(12)} is gone"):
        desk.worker(retention=later)
    again = confirmed(desk, later)
    assert again.first_at == desk.at(16)
    desk.worker(retention=later)


def test_a_shard_with_nothing_left_goes_on_once_it_is_known_to_be_quiet() -> None:
    desk = Desk()
    checkpointed(desk, 8)
    stream = Trimmed(desk, None)
    gap = confirmed(desk, stream)
    assert gap.ends_at is not None
    stream.quiet_after.append(gap.ends_at)
    worker = desk.worker(retention=stream)
    worker.process_records(desk.call(20, 24))
    assert desk.lake.cuts()


def test_where_nothing_is_missing_nothing_can_be_confirmed() -> None:
    desk = Desk()
    checkpointed(desk, 8)
    with pytest.raises(GapRefused, match="nothing is missing"):
        confirmed(desk, Trimmed(desk))


def test_a_second_confirmation_finds_the_first() -> None:
    desk = Desk()
    checkpointed(desk, 8)
    stream = Trimmed(desk, 12)
    confirmed(desk, stream)
    with pytest.raises(GapRefused, match="nothing is missing"):
        confirmed(desk, stream)


def test_a_worker_that_had_read_on_meets_the_gap_and_stops() -> None:
    desk = Desk()
    zombie = checkpointed(desk, 8)
    confirmed(desk, Trimmed(desk, 12))
    with pytest.raises(Stopped, match="stands and is not what was read"):
        zombie.process_records(desk.call(8, 24))


def test_a_lost_lease_table_over_an_expired_beginning_is_said() -> None:
    desk = Desk()
    checkpointed(desk, 8)
    lose_leases(desk)
    worker = desk.worker(retention=Trimmed(desk, 3))
    with pytest.raises(Stopped, match=r"begins with record .* lease table .* begin a new life"):
        worker.process_records(desk.call(3, 24))


def test_a_lost_lease_table_is_made_good_by_reading_all_again() -> None:
    desk = Desk()
    checkpointed(desk, 8)
    lose_leases(desk)
    objects = set(desk.lake.objects)
    worker = desk.worker()
    worker.process_records(desk.call(0, 8))
    worker.process_records(desk.call())
    assert (desk.shard.checkpoint, set(desk.lake.objects)) == (desk.at(7), objects)


# --- quiet shards ------------------------------------------------------------------------


def test_an_idle_worker_marks_its_quiet_shard_every_hour() -> None:
    desk = Desk()
    stream = Trimmed(desk)
    worker = desk.worker(retention=stream)
    worker.process_records(desk.call(0, 8))
    for _ in range(24):
        desk.clock += 600
        worker.process_records(desk.call())
    assert stream.quiet_after == [desk.at(7)] * 4


def test_a_worker_that_is_behind_marks_nothing() -> None:
    desk = Desk()
    stream = Trimmed(desk)
    worker = desk.worker(retention=stream)
    worker.process_records(desk.call(0, 8))
    desk.clock += 7_200
    worker.process_records(desk.call(behind=5))
    assert stream.quiet_after == []


def test_a_caller_that_knows_no_tip_marks_nothing() -> None:
    desk = Desk()
    stream = Trimmed(desk)
    worker = desk.worker(retention=stream)
    worker.process_records(desk.call(0, 8))
    desk.clock += 7_200
    worker.process_records(Call(desk.checkpointer))
    assert stream.quiet_after == []


# --- the command -------------------------------------------------------------------------


@pytest.fixture
def behind(provisioned: Site) -> Site:
    """A site whose only shard's checkpoint lies before all that its stream has."""
    kinesis, stream = provisioned.client("kinesis"), provisioned.settings.stream.name
    put = kinesis.put_record(StreamName=stream, Data=b"1", PartitionKey="A")
    open_lake(provisioned)
    lake = SiteLake.__new__(SiteLake)
    lake.site = provisioned
    expired = Position(str(int(put["SequenceNumber"]) - 1000))
    lake.leases({put["ShardId"]: Lease(put["ShardId"], Checkpoint("position", expired))})
    return provisioned


def run(site: Site, *words: str) -> tuple[int, str]:
    app = typer.Typer()
    gap_command.register(app)
    verify_command.register(app)
    flat = _flat(json.loads(dump(site.settings)))
    sets = [word for pair in flat for word in ("--set", pair)]
    done = CliRunner().invoke(app, [*words, *sets])
    return done.exit_code, done.output


def _flat(settings: dict[str, object]) -> list[str]:
    names = ("endpoint_url", "stream.name", "application.name", "lake.bucket", "lake.prefix")
    found = []
    for name in names:
        value: object = settings
        for part in name.split("."):
            assert isinstance(value, dict)
            value = value[part]
        found.append(f"{name}={value}")
    return found


def test_the_command_writes_the_gap_and_verify_lists_it(behind: Site) -> None:
    shard = "shardId-000000000000"
    code, said = run(behind, "gap", "confirm", shard)
    assert (code, "gap confirmed; reading goes on at" in said) == (0, True), said
    code, said = run(behind, "verify", "--json")
    document = json.loads(said[said.index("{") :])
    assert "gap" in [finding["kind"] for finding in document["findings"]]
    life = open_lake(behind)
    assert not retention(behind, life.id).gap(shard, _first(behind, life.id, shard))


def _first(site: Site, life: str, shard: str) -> Position:
    store = lake_store(site)
    [key] = store.list(f"cuts/{life}/{shard}/")
    first = parse(store.get(key) or b"").first_at
    assert first is not None
    return first


def test_the_command_refuses_where_nothing_is_missing(behind: Site) -> None:
    run(behind, "gap", "confirm", "shardId-000000000000")
    code, said = run(behind, "gap", "confirm", "shardId-000000000000")
    assert (code, "nothing is missing" in said) == (1, True), said


def test_the_command_names_a_shard_without_lease(behind: Site) -> None:
    code, said = run(behind, "gap", "confirm", "shardId-000000000009")
    assert (code, "no lease of shardId-000000000009" in said) == (1, True), said
