"""A source is found by name and built from settings, with sentences for what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from producer.replay import ReplaySource
from producer.source import Source, SourceError, Ticks, build, find, names, settings_of
from producer.synthetic import SyntheticSource


@dataclass
class Dice(Source):
    sides: int = 6
    bias: float = 0.0
    loaded: bool = False
    names: tuple[str, ...] = ()
    table: str = field(default="")

    def batches(self) -> Iterator[Ticks]:
        yield Ticks.of([{"symbol": "DICE", "timestamp": 1_700_000_000, "price": self.sides}])


def test_ours_are_found_as_a_strangers_would_be() -> None:
    assert find("synthetic") is SyntheticSource
    assert find("replay") is ReplaySource
    assert {"synthetic", "replay"} <= set(names())


def test_an_unknown_source_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SourceError, match=r"no source is called bloom; installed: .*synthetic"):
        find("bloom")


def test_settings_come_as_text_or_as_values() -> None:
    text = {"sides": "8", "bias": "0.5", "loaded": "true", "names": "A, B"}
    assert build(Dice, text) == Dice(8, 0.5, True, ("A", "B"))
    assert build(Dice, {"sides": 8, "names": ["A"]}) == Dice(8, names=("A",))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"sids": 1}, "sids is no setting; known: sides, bias, loaded, names, table"),
        ({"sides": "six"}, "sides = 'six': Expected `int`"),
        ({"clock": 1}, "clock is no setting"),
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SourceError, match=sentence):
        build(Dice, given)


def test_settings_exclude_what_the_run_sets() -> None:
    assert settings_of(Dice) == ["sides", "bias", "loaded", "names", "table"]


def test_ticks_read_their_times_from_the_rows() -> None:
    noon = datetime(2025, 1, 31, 12, tzinfo=UTC)
    ticks = Ticks.of([{"symbol": "A", "timestamp": t} for t in (noon, "2025-01-31T12:00:00Z")])
    assert ticks.times.tolist() == [1738324800_000000] * 2


def test_ticks_need_a_time_for_every_row() -> None:
    with pytest.raises(ValueError, match="1 rows but 0 times"):
        Ticks([{"symbol": "A"}], Ticks.of([]).times)
