"""A worker that stops gives its leases to those that go on."""

from __future__ import annotations

from typing import Any

import pytest

from config.site import Site
from kcl_app.handover import hand_over, metrics_table, shared
from kcl_app.lease_seed import lease, seed_leases
from kcl_app.run_folder import worker_id
from tests.conftest import MakeSite

NOW = 1_763_700_000.0


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A stream of four shards whose leases are this worker's, and the KCL's table of workers."""
    site = make_site({"worker.max_shards": 3})
    name = site.settings.stream.name
    site.client("kinesis").create_stream(StreamName=name, ShardCount=4)
    site.client("kinesis").get_waiter("stream_exists").wait(StreamName=name)
    assert seed_leases(site) == 4
    site.client("dynamodb").create_table(
        TableName=metrics_table(site.settings.application.name),
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "wid", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "wid", "KeyType": "HASH"}],
    )
    report(site, worker_id(site.settings), NOW)
    return site


def report(site: Site, worker: str, at: float) -> None:
    table = metrics_table(site.settings.application.name)
    item = {"wid": {"S": worker}, "lut": {"N": str(int(at))}, "opr": {"M": {}}, "sts": {"M": {}}}
    site.client("dynamodb").put_item(TableName=table, Item=item)


def leases(site: Site) -> dict[str, dict[str, Any]]:
    items = site.client("dynamodb").scan(TableName=site.settings.application.name)["Items"]
    return {item["leaseKey"]["S"]: item for item in items}


def owners(site: Site) -> list[str]:
    return sorted(item["leaseOwner"]["S"] for item in leases(site).values())


def test_leases_go_to_the_workers_that_live_in_equal_shares(site: Site) -> None:
    report(site, "b", NOW - 3)
    report(site, "c", NOW - 6)
    handed = hand_over(site, lambda: NOW)
    assert len(handed) == 4
    assert owners(site) == ["b", "b", "c", "c"]


def test_a_handed_lease_is_as_the_leader_would_assign_it(site: Site) -> None:
    report(site, "b", NOW)
    before = leases(site)
    handed = hand_over(site, lambda: NOW)
    for shard, after in leases(site).items():
        moved = int(shard in handed)
        assert int(after["leaseCounter"]["N"]) == int(before[shard]["leaseCounter"]["N"]) + moved
        assert after["ownerSwitchesSinceCheckpoint"] == {"N": str(moved)}
        assert after["checkpoint"] == before[shard]["checkpoint"]


def test_nobody_gets_more_than_there_is_room_for(site: Site) -> None:
    report(site, "b", NOW)
    assert len(hand_over(site, lambda: NOW)) == 3
    assert owners(site).count("b") == 3


@pytest.mark.parametrize("seen", [None, NOW - 7])
def test_without_another_living_worker_nothing_moves(site: Site, seen: float | None) -> None:
    if seen:
        report(site, "dead", seen)
    before = leases(site)
    assert hand_over(site, lambda: NOW) == {}
    assert leases(site) == before


def test_a_worker_that_stopped_is_handed_nothing(site: Site) -> None:
    report(site, "b", NOW)
    hand_over(site, lambda: NOW)
    table = metrics_table(site.settings.application.name)
    told = site.client("dynamodb").scan(TableName=table)["Items"]
    assert [item["wid"]["S"] for item in told] == ["b"]


def test_a_lease_of_another_and_an_ended_one_stay(site: Site) -> None:
    report(site, "b", NOW)
    first, second, *_ = site.client("kinesis").list_shards(StreamName=site.settings.stream.name)[
        "Shards"
    ]
    table = site.settings.application.name
    ended = lease(first, worker_id(site.settings)) | {"checkpoint": {"S": "SHARD_END"}}
    for item in (ended, lease(second, "c")):
        site.client("dynamodb").put_item(TableName=table, Item=item)
    handed = hand_over(site, lambda: NOW)
    assert set(handed) == leases(site).keys() - {first["ShardId"], second["ShardId"]}


def test_before_the_kcl_has_made_its_tables_there_is_nothing_to_hand_over(
    make_site: MakeSite,
) -> None:
    assert hand_over(make_site(), lambda: NOW) == {}


def test_who_has_fewest_is_given_the_next() -> None:
    owners = {"1": "b", "2": "b", "3": "c", "4": "me", "5": "me", "6": None}
    assert shared(["4", "5"], owners, {"b", "c"}, room=9) == {"4": "c", "5": "b"}
