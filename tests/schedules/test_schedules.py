"""Crashes, failing calls, zombies, moved leases, splits and merges between any two calls."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.schedules.play import Stage
from tests.schedules.rules import OFF, played, why_not

PARTS = 4
SCHEDULES = int(os.environ.get("SCHEDULES", "1000"))
ENOUGH = 150
"""Schedules within which every rule that is switched off must show."""


@pytest.mark.parametrize("part", range(PARTS))
def test_every_record_is_stored_once_whatever_befalls_when(part: int) -> None:
    @settings(
        max_examples=SCHEDULES // PARTS,
        deadline=None,
        phases=[Phase.reuse, Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(st.integers(0, 2**40))
    def holds(drawn: int) -> None:
        seed = drawn * PARTS + part
        why = why_not(seed)
        assert not why, f"{why}; again: python -m tests.faults --schedule {seed}"

    holds()


@pytest.mark.parametrize("rule", OFF)
def test_a_rule_that_is_switched_off_shows(rule: str) -> None:
    assert any(why_not(seed, rule) for seed in range(ENOUGH))


def test_a_schedule_plays_the_same_again() -> None:
    assert cut_names(played(7)) == cut_names(played(7))


def cut_names(stage: Stage) -> Sequence[str]:
    return [cut.name for cut in stage.lake.cuts()]
