"""Storage for the sinks: a bucket, the tables and the topic, as they are provisioned."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from config.site import Site


@pytest.fixture
def site(make_site: Callable[[], Site]) -> Site:
    """As everywhere, but a client is made once: making one takes longer than most tests."""
    made = make_site()
    object.__setattr__(made, "client", functools.cache(made.client))
    return made


@pytest.fixture
def bucket(site: Site) -> Site:
    """A site whose lake's bucket is there."""
    site.client("s3").create_bucket(Bucket=site.bucket)
    return site


@pytest.fixture
def items(site: Site) -> Site:
    """A site whose table of items is there."""
    make_table(site, site.settings.items.table, {"symbol": "HASH", "timestamp": "RANGE"})
    return site


@pytest.fixture
def live(make_site: Callable[..., Site]) -> Site:
    """A site with live bars, whose tables of items and of bars are there."""
    made = make_site({"windows.live": True})
    object.__setattr__(made, "client", functools.cache(made.client))
    make_table(made, made.settings.items.table, {"symbol": "HASH", "timestamp": "RANGE"})
    make_table(made, made.settings.items.bars_table, {"symbol": "HASH", "bar": "RANGE"})
    return made


@pytest.fixture
def alerts(site: Site) -> Site:
    """A site whose alert table and topic are there."""
    make_table(site, site.settings.alerts.table, {"id": "HASH"})
    site.client("sns").create_topic(Name=site.settings.alerts.topic)
    return site


def make_table(site: Site, name: str, keys: Mapping[str, Any]) -> None:
    site.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
    )
