"""The wide walk: as sound as the unhurried one, wider, and it fails where it must."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kcl_app.core import chain
from kcl_app.core.cut import CutRecord
from tests.chain.explorer import explore
from tests.chain.test_explorer import (
    EndsWhereBoundFurther,
    FinishedWhenCreated,
    IgnoresLonger,
    IgnoresShorter,
)
from tests.chain.walk import Walk, Walked
from tests.chain.wide import Move, Release, Wide, Worker
from tests.chain.world import Rules, World, span

ONE = (Release(1),)
TWO = (Release(1), Release(2))


class Noted(Rules):
    """``Rules`` that note what comes to stand."""

    def __init__(self, records: int, zombies: int) -> None:
        super().__init__(records, zombies, in_flight=1)
        self.met = {(World().cuts, 0, False)}

    def successors(self, world: World) -> Iterator[World]:
        for after in super().successors(world):
            self.met.add((after.cuts, after.checkpoint, after.ended))
            yield after


@pytest.mark.parametrize(("records", "zombies"), [(1, 1), (2, 1), (1, 2)])
def test_what_comes_to_stand_is_what_unhurried_workers_bring_about(
    records: int, zombies: int
) -> None:
    unhurried = Noted(records, zombies)
    assert explore(unhurried).broken == ""
    walk = Walk(Wide(records, ONE), zombies)
    standing = {
        (frozenset(span(record) for cut in cuts if (record := walk.records[cut])), at, ended)
        for cuts, at, ended in walk.all().standing
    }
    assert standing == unhurried.met


def walked(records: int, zombies: int, releases: tuple[Release, ...], losses: int = 0) -> Walked:
    return Walk(Wide(records, releases), zombies, losses).all()


def test_five_records_and_two_zombies_keep_the_promises() -> None:
    all_worlds = walked(5, 2, ONE)
    assert all_worlds.broken == ""
    assert all_worlds.states > 50_000


def test_two_releases_and_a_lost_lease_table_keep_the_promises() -> None:
    all_worlds = walked(3, 1, TWO, losses=1)
    assert all_worlds.broken == ""
    assert all_worlds.states > 20_000


class LastCreateWins(Wide):
    """The record is put without If-None-Match."""

    def _created(self, worker: Worker, view: chain.View, standing: CutRecord | None) -> Move:
        return super()._created(worker, view, None)


def broken(mutant: type[chain.Protocol]) -> tuple[Release, ...]:
    return (type(mutant.__name__, (mutant, Release), {})(1),)


@pytest.mark.parametrize(
    "mutant", [IgnoresLonger, IgnoresShorter, FinishedWhenCreated, EndsWhereBoundFurther]
)
def test_a_broken_rule_is_caught(mutant: type[chain.Protocol]) -> None:
    assert walked(3, 1, broken(mutant)).broken


def test_a_plain_put_is_caught() -> None:
    assert Walk(LastCreateWins(3, ONE), 1).all().broken
