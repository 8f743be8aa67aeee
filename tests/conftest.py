"""One emulated AWS a test session, and a site of its own for every test."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from config.load import nested, restore
from config.settings import Settings
from config.site import Site
from deploy.local.emulator import LocalAws
from glue.plan import apply, plan
from glue.stack import resources

MakeSite = Callable[..., Site]


def pytest_configure() -> None:
    """Nothing of the developer's own AWS or settings reaches a test."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "TAPELINE_")):
            del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the real daemon come first, one after the other: each starts a JVM."""
    for item in items:
        if item.get_closest_marker("daemon"):
            item.add_marker(pytest.mark.xdist_group("daemon"))
    items.sort(key=lambda item: item.get_closest_marker("daemon") is None)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A running emulator on a free loopback port."""
    with LocalAws(tmp_path_factory.mktemp("aws")) as aws:
        yield aws


@pytest.fixture(scope="session")
def session(emulator: LocalAws) -> Any:
    """One boto3 session for all: each would read the models of every service anew."""
    return Site(Settings(endpoint_url=emulator.endpoint_url)).session


@pytest.fixture
def make_site(emulator: LocalAws, session: Any) -> MakeSite:
    """Make a site whose names nobody else uses; ``flags`` are dotted keys to values."""

    def make(flags: Mapping[str, Any] | None = None) -> Site:
        made = Site(restore(json.dumps(nested(names(emulator) | dict(flags or {}))).encode()))
        made.session = session
        return made

    return make


@pytest.fixture
def site(make_site: MakeSite) -> Site:
    """A site with unique names. Nothing is provisioned yet."""
    return make_site()


@pytest.fixture
def provisioned(site: Site) -> Site:
    """The same site, with every resource of the stack applied."""
    for _ in apply(list(plan(resources(site)))):
        pass
    return site


def names(aws: LocalAws) -> dict[str, Any]:
    """Settings, dotted, that name the emulator and fresh resources on it."""
    own = f"t{uuid.uuid4().hex[:12]}"
    return {
        "endpoint_url": aws.endpoint_url,
        "stream.name": f"{own}-stream",
        "stream.shards": 1,
        "application.name": f"{own}-app",
        "lake.bucket": f"{own}-lake",
        "lake.results_bucket": f"{own}-results",
        "lake.prefix": f"{own}/tape",
        "items.table": f"{own}-items",
        "items.bars_table": f"{own}-bars",
        "alerts.table": f"{own}-alerts",
        "alerts.topic": f"{own}-topic",
        "catalog.database": f"{own}_catalog",
        "catalog.workgroup": f"{own}-workgroup",
    }
