"""setup.cfg says what is so: entry points resolve, and every dependency is pinned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from configparser import ConfigParser
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SETUP = ConfigParser()
SETUP.read(ROOT / "setup.cfg")


def declared_entry_points() -> list[tuple[str, str, str]]:
    section = SETUP["options.entry_points"]
    return [
        (group, *(part.strip() for part in line.split("=", 1)))  # type: ignore[misc]
        for group, lines in section.items()
        for line in lines.strip().splitlines()
    ]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    rows = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in rows}


def closure(name: str, extras: frozenset[str]) -> Iterator[str]:
    """Distributions that ``name`` with ``extras`` needs here, itself left out."""
    done: set[tuple[str, frozenset[str]]] = set()
    waiting = [(name, extras)]
    while waiting:
        one = waiting.pop()
        if one in done:
            continue
        done.add(one)
        for text in distribution(one[0]).requires or []:
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": x}) for x in one[1] | {""}):
                waiting.append((canonicalize_name(needed.name), frozenset(needed.extras)))
    return iter(sorted({each for each, _ in done} - {name}))


@pytest.mark.parametrize(("group", "name", "target"), declared_entry_points())
def test_an_entry_point_resolves_to_what_setup_cfg_says(group: str, name: str, target: str) -> None:
    (found,) = entry_points(group=group, name=name)
    assert found.value == target
    assert callable(found.load())


def test_every_dependency_is_pinned_at_the_version_that_is_installed() -> None:
    installed = {
        name: distribution(name).version for name in closure("tapeline", frozenset({"dev"}))
    }
    assert {name: pins().get(name) for name in installed} == installed


def test_every_requirement_has_a_floor_or_a_pin() -> None:
    required = SETUP["options"]["install_requires"].strip().splitlines()
    bare = [line for line in required if not re.search(r"[<>=]", line)]
    assert bare == ["tzdata"], "tzdata is dated, not versioned; all else has bounds"


def test_every_package_of_the_wheel_stands_in_the_tree() -> None:
    patterns = SETUP["options.packages.find"]["include"].split(",")
    missing = [p for p in patterns if not (ROOT / p.strip().rstrip("*") / "__init__.py").exists()]
    assert missing == []
