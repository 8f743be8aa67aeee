"""A lake belongs to one stream and one application, from its first start on."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from config.site import Site
from kcl_app.life import Life, LifeError, open_life
from kcl_app.preflight import open_lake
from kcl_app.store import honours_create
from kcl_app.wiring import lake_store
from tests.conftest import MakeSite
from tests.verify.true_lake import MemoryStore

FIRST = Life("1", "tapeline", "arn:stream", "2025-01-01T00:00:00+00:00")


@dataclass
class Forgetful(MemoryStore):
    """A store that takes every create: what S3 does without If-None-Match."""

    def create(self, key: str, body: bytes) -> bool:
        self.bodies[key] = body
        return True


def test_the_first_start_begins_the_life_and_later_ones_continue_it(provisioned: Site) -> None:
    assert open_lake(provisioned) == open_lake(provisioned)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (Life("2", "another", "arn:stream", FIRST.stream_created), "application"),
        (Life("2", "tapeline", "arn:other", FIRST.stream_created), "stream arn"),
        (Life("2", "tapeline", "arn:stream", "2025-02-02T00:00:00+00:00"), "stream created"),
    ],
)
def test_a_start_that_does_not_continue_the_life_is_refused(other: Life, named: str) -> None:
    store = MemoryStore()
    open_life(store, FIRST)
    with pytest.raises(LifeError, match=rf"{named}.*lake.prefix=NEW .*application.name="):
        open_life(store, other)


def test_of_two_first_starts_one_begins_the_life() -> None:
    store = MemoryStore()
    twin = Life("2", FIRST.application, FIRST.stream_arn, FIRST.stream_created)
    assert open_life(store, FIRST) == open_life(store, twin) == FIRST


def test_a_store_that_takes_a_key_twice_is_found_out() -> None:
    assert honours_create(MemoryStore(), "control/probe")
    assert not honours_create(Forgetful(), "control/probe")


def test_the_emulator_honours_a_create(make_site: MakeSite) -> None:
    site = make_site()
    site.client("s3").create_bucket(Bucket=site.bucket)
    assert honours_create(lake_store(site), "control/probe")
