"""The leader lock of a JVM that died: given back by its own worker, by nobody else."""

from __future__ import annotations

import logging

import pytest

from config.site import Site
from kcl_app.leadership import LEADER, coordinator_table, give_back
from kcl_app.run_folder import worker_id
from tests.conftest import MakeSite


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A site with a coordinator table as the KCL makes it."""
    site = make_site()
    site.client("dynamodb").create_table(
        TableName=table(site),
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "key", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "key", "KeyType": "HASH"}],
    )
    return site


def table(site: Site) -> str:
    return coordinator_table(site.settings.application.name)


def led_by(site: Site, owner: str) -> None:
    item = {**LEADER, "ownerName": {"S": owner}, "leaseDuration": {"S": "120000"}}
    site.client("dynamodb").put_item(TableName=table(site), Item=item)


def leads(site: Site) -> bool:
    return "Item" in site.client("dynamodb").get_item(TableName=table(site), Key=LEADER)


def test_the_lock_of_our_own_dead_jvm_is_given_back(site: Site) -> None:
    led_by(site, worker_id(site.settings))
    assert give_back(site)
    assert not leads(site)


def test_the_lock_of_another_worker_stays(site: Site) -> None:
    led_by(site, "another-host")
    assert not give_back(site)
    assert leads(site)


def test_where_nobody_leads_nothing_is_said(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    assert not give_back(site)
    site.client("dynamodb").delete_table(TableName=table(site))
    assert not give_back(site)
    assert not caplog.records


def test_a_call_that_fails_costs_the_two_minutes_and_says_so(
    make_site: MakeSite, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = make_site({"endpoint_url": "http://127.0.0.1:9"})
    with caplog.at_level(logging.WARNING):
        assert not give_back(nowhere)
    assert "may wait two minutes" in caplog.text
