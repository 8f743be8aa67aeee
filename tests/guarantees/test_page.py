"""The page of guarantees names tests that exist, and the rules that can be switched off."""

from __future__ import annotations

import re
from pathlib import Path

from tests.schedules.rules import OFF

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guarantees.md").read_text()


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*\.py)::(test_\w+)`", PAGE)
    assert len(named) > 10
    missing = [name for file, name in named if f"def {name}(" not in source(file)]
    assert missing == []


def test_every_rule_that_can_be_switched_off_has_its_figure() -> None:
    assert re.findall(r"^\| ([a-z].*) \| [1-9]\d* \|$", PAGE, re.M) == list(OFF)


def source(file: str) -> str:
    return (ROOT / "tests" / file).read_text()
