from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from athena.days import filled
from athena.library import named
from athena.local import LocalEngine
from config.load import nested, restore
from config.site import Site
from deploy.local.emulator import LocalAws
from tests.athena.lake import bar, tick, write
from tests.conftest import names

Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def lake(site: Site) -> Site:
    """A site with an empty lake."""
    site.client("s3").create_bucket(Bucket=site.bucket)
    return site


@pytest.fixture
def ask(lake: Site) -> Ask:
    """Answer one of the house's questions, its parameters given as text."""

    def answer(name: str, **params: str) -> list[dict[str, Any]]:
        asked = named(name)
        given = {key: asked.parameter(key).read(text) for key, text in params.items()}
        table = LocalEngine(lake).answer(asked.sql, filled(lake, asked, given)).table
        rows: list[dict[str, Any]] = table.to_pylist()
        return rows

    return answer


@pytest.fixture(scope="session")
def engine(emulator: LocalAws) -> LocalEngine:
    """The local engine over a lake of one tick and one bar."""
    site = Site(restore(json.dumps(nested(names(emulator))).encode()))
    site.client("s3").create_bucket(Bucket=site.bucket)
    write(site, "ticks", [tick("ABC", "2025-03-10T14:30:15.250400", 10.5)])
    write(site, "bars", [bar("ABC", "2025-03-10T14:30:00", 10.5)])
    return LocalEngine(site)
