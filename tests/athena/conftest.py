from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from athena.days import filled
from athena.library import named
from athena.local import LocalEngine
from config.site import Site

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
