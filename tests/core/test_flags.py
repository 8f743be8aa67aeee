"""What is flagged, how gravely, and what is said about it."""

from typing import Any

import numpy as np
import pytest

from kcl_app.core.flow import Flow, Rules
from kcl_app.core.schema import ANOMALIES
from kcl_app.core.tables import to_arrow
from kcl_app.detect.rules import ChangeRule, ZScoreRule
from tests.core.tape import prices, ticks

QUIET = [100.0, 100.1] * 10


def fed(tape: Any, *detectors: Any) -> Any:
    return Flow("shard-0", Rules("America/New_York", (), detectors)).feed(tape)


def change(percent: Any, **rule: Any) -> Any:
    return fed(ticks([{"price": 100, "change_percent": percent}]), ChangeRule(**rule))


@pytest.mark.parametrize(
    ("percent", "severity"),
    [(5.01, "low"), (-5.01, "low"), (7.5, "low"), (7.51, "medium"), (10.01, "high"), (-99, "high")],
)
def test_a_change_above_five_percent_is_flagged(percent: Any, severity: Any) -> None:
    got = change(percent)
    assert got.ticks["flags"].tolist() == ["change"]
    assert got.ticks["severity"].tolist() == [severity]
    assert got.anomalies["score"].tolist() == [abs(percent)]
    assert got.anomalies["severity"].tolist() == [severity]


@pytest.mark.parametrize("percent", [5.0, -5.0, 0, None])
def test_a_change_up_to_five_percent_or_an_unknown_one_is_not(percent: Any) -> None:
    got = change(percent)
    assert got.ticks["flags"].tolist() == [None]
    assert got.ticks["severity"].tolist() == [None]
    assert got.anomalies.size == 0


def test_the_threshold_is_a_setting() -> None:
    assert change(4, threshold=3).anomalies.size == 1


def test_the_reason_is_a_sentence() -> None:
    got = change(-6.25)
    assert got.anomalies["reason"].tolist() == ["100 is 6.25 % below the previous close"]


def test_a_price_far_from_the_twenty_before_is_flagged() -> None:
    got = fed(prices(*QUIET, 100.4, 101.2), ZScoreRule())
    assert got.ticks["flags"].tolist() == [None] * 20 + ["z_score", "z_score"]
    assert got.anomalies["reason"][0] == (
        "100.4 is 6.8 standard deviations above the mean of the 20 ticks before"
    )
    assert got.anomalies["severity"].tolist() == ["low", "high"]


def test_two_flags_on_a_tick_are_two_rows_and_the_gravest_severity() -> None:
    rows = [{"price": p} for p in QUIET] + [{"price": 110, "change_percent": 6}]
    got = fed(ticks(rows), ChangeRule(), ZScoreRule())
    assert got.ticks["flags"][-1] == "change,z_score"
    assert got.ticks["severity"][-1] == "high"
    assert got.anomalies["kind"].tolist() == ["change", "z_score"]
    assert got.anomalies["severity"].tolist() == ["low", "high"]


def test_anomalies_lie_in_the_order_of_their_ticks() -> None:
    rows = [{"symbol": s, "price": 1, "change_percent": 9} for s in "BAB"]
    got = fed(ticks(rows), ChangeRule(), ZScoreRule())
    assert got.anomalies["symbol"].tolist() == ["B", "A", "B"]
    assert np.array_equal(got.anomalies["record"], [0, 1, 2])


def test_anomalies_fit_their_table() -> None:
    table = to_arrow("anomalies", change(9).anomalies, "shard-0")
    assert table.schema.equals(ANOMALIES.arrow, check_metadata=True)
    table.validate(full=True)
