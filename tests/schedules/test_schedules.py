"""Crashes, zombies and moved leases between any two calls, through the real processor."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kcl_app.core import chain
from kcl_app.core.cut import CutRecord
from kcl_app.core.flow import Flow
from kcl_app.processor import ShardProcessor
from tests.schedules.lake import GatedStore
from tests.schedules.play import Stage
from tests.schedules.proof import prove

PARTS = 4
SCHEDULES = int(os.environ.get("SCHEDULES", "1000"))
STEPS = 200
ENOUGH = 150
"""Schedules within which every broken rule must show."""


def played(seed: int, make: Callable[..., ShardProcessor] = ShardProcessor) -> Stage:
    """Play the schedule of ``seed``, let a sound worker finish, and prove the lake."""
    stage = Stage(Random(seed), make=make)
    stage.play(STEPS)
    prove(stage.lake, stage.shard)
    assert stage.errors == []
    return stage


@pytest.mark.parametrize("part", range(PARTS))
def test_every_record_is_stored_once_whatever_crashes_when(part: int) -> None:
    @settings(
        max_examples=SCHEDULES // PARTS,
        deadline=None,
        phases=[Phase.reuse, Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(st.integers(0, 2**40))
    def holds(seed: int) -> None:
        played(seed * PARTS + part)

    holds()


class CheckpointsFirst(chain.Protocol):
    """A cut counts as stored when its record stands: its checkpoint may pass its objects."""

    def storing(self, view: chain.View) -> chain.View:
        after = super().storing(view)
        return replace(after, finished=after.at, writing=())

    def stored(self, view: chain.View, record: CutRecord) -> chain.View:
        return view


class NoRewind(chain.Protocol):
    """Lost against a shorter cut, the longer one is written all the same."""

    def standing(self, view: chain.View, other: CutRecord) -> chain.View:
        after = super().standing(view, other)
        return self.created(view) if isinstance(after.doing, chain.Rewind) else after


class NoReadingOn(chain.Protocol):
    """Lost against a longer cut, the shorter one is written all the same."""

    def standing(self, view: chain.View, other: CutRecord) -> chain.View:
        after = super().standing(view, other)
        return self.created(view) if isinstance(after.doing, chain.Read) else after


class Unconditional(GatedStore):
    """Puts without If-None-Match."""

    def create(self, key: str, body: bytes) -> bool:
        self.gate(f"create {key}")
        self.lake.bodies[key] = body
        return True


class StartsEmpty(ShardProcessor):
    """A worker begins with an empty state instead of the snapshot's."""

    def initialize(self, initialize_input: Any) -> None:
        super().initialize(initialize_input)
        self.flow = Flow(self.shard, self.rules)


def with_protocol(protocol: chain.Protocol) -> Callable[..., ShardProcessor]:
    return partial(ShardProcessor, protocol=protocol)


def without_conditions(**parts: Any) -> ShardProcessor:
    store = parts.pop("store")
    return ShardProcessor(store=Unconditional(store.lake, store.gate), **parts)


BROKEN: dict[str, Callable[..., ShardProcessor]] = {
    "the checkpoint passes the objects": with_protocol(CheckpointsFirst()),
    "no rewind to a shorter cut": with_protocol(NoRewind()),
    "no reading on to a longer cut": with_protocol(NoReadingOn()),
    "records are put without condition": without_conditions,
    "the state starts empty": StartsEmpty,
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_order_of_writing_shows(rule: str) -> None:
    assert any(fails(seed, BROKEN[rule]) for seed in range(ENOUGH))


def fails(seed: int, make: Callable[..., ShardProcessor]) -> bool:
    try:
        played(seed, make)
    except Exception:
        return True
    return False


def test_a_schedule_plays_the_same_again() -> None:
    assert cut_names(played(7)) == cut_names(played(7))


def cut_names(stage: Stage) -> Sequence[str]:
    return [cut.name for cut in stage.lake.cuts()]
