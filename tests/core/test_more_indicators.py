"""Indicators that the settings add: against pandas and polars, and in any cutting."""

import math
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given

from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow
from kcl_app.core.indicators import indicator
from tests.core.tape import at, bits, cuttings, placed_at, prices, rules, tapes, ticks

ALL = (
    *("sma_7", "ema_12", "min_9", "max_9", "std_9", "zscore_9", "volatility_9"),
    *("rsi_14", "bollinger_20", "sma_90s", "std_5m", "min_1m", "max_1h", "volatility_5m"),
)


def flow(*names: Any) -> Any:
    return Flow("shard-0", replace(rules(), more=tuple(indicator(name) for name in names)))


def values(column: Any) -> Any:
    return [None if math.isnan(value) else value for value in column.tolist()]


def of(name: Any, *values_: Any, column: Any = None) -> Any:
    return values(flow(name).feed(prices(*values_)).ticks[column or name])


@given(tapes(), cuttings())
def test_any_cutting_and_restart_give_the_same_bits(tape: Any, shares: Any) -> None:
    one, parts = flow(*ALL), []
    for a, b in pairwise([0, *placed_at(tape, shares), tape.size]):
        parts.append(one.feed(tape.slice(a, b)).ticks)
        one = Flow.restore("shard-0", one.rules, [one.snapshot()])
    assert bits(Columns.joined(parts)) == bits(flow(*ALL).feed(tape).ticks)


def test_the_lowest_and_highest_of_three() -> None:
    assert of("min_3", 3, 1, 2, 5, 4) == [None, None, 1, 1, 2]
    assert of("max_3", 3, 1, 2, 5, 4) == [None, None, 3, 5, 5]


def test_the_exponential_mean_begins_with_the_first_price() -> None:
    assert of("ema_3", 8, 4, 6) == [8, 6, 6]


def test_wilders_index_begins_with_plain_means() -> None:
    # Gains 1 and 3, losses 0 and 0; then a loss of 2.
    assert of("rsi_2", 10, 11, 14, 12) == [None, None, 100, pytest.approx(50)]


def test_an_index_of_prices_that_do_not_move_is_null() -> None:
    assert of("rsi_2", 5, 5, 5, 5) == [None] * 4


def test_bands_lie_two_deviations_of_the_population_from_the_mean() -> None:
    series = [1.0, 2.0, 4.0]
    spread = np.std(series)
    got = flow("bollinger_3").feed(prices(*series)).ticks
    assert got["bollinger_3_middle"][2] == pytest.approx(7 / 3)
    assert got["bollinger_3_upper"][2] == pytest.approx(7 / 3 + 2 * spread)
    assert got["bollinger_3_lower"][2] == pytest.approx(7 / 3 - 2 * spread)


def test_a_window_over_time_holds_the_ticks_of_that_time() -> None:
    """
    0s   30s   60s   90s     over one minute
    1     2     3     4
    """
    tape = ticks({"price": n + 1, "timestamp": at(seconds=30 * n)} for n in range(4))
    assert values(flow("sma_1m").feed(tape).ticks["sma_1m"]) == [1, 1.5, 2.5, 3.5]


def test_a_window_over_time_looks_back_at_most_64_ticks() -> None:
    tape = ticks({"price": n + 1, "timestamp": at(seconds=0)} for n in range(100))
    got = flow("min_1m").feed(tape).ticks["min_1m"]
    assert got[-1] == 100 - 64 + 1


def walk(count: Any, seed: Any, level: Any = 100.0) -> Any:
    rng = np.random.default_rng(seed)
    return np.round(level + np.cumsum(rng.normal(0, 0.02, count)), 2)


def close(ours: Any, reference: Any, rel: Any = 1e-9) -> None:
    reference = np.asarray(reference, dtype=float)
    assert np.array_equal(np.isnan(ours), np.isnan(reference))
    known = ~np.isnan(ours)
    np.testing.assert_allclose(ours[known], reference[known], rtol=rel, atol=1e-11)


def test_windows_of_ticks_agree_with_pandas() -> None:
    series = pd.Series(walk(5_000, 7))
    got = flow(*ALL).feed(prices(*series)).ticks
    returns = series.pct_change()

    def exact(window: Any, function: Any) -> Any:
        return series.rolling(window).apply(function, raw=True)

    close(got["sma_7"], exact(7, np.mean))
    close(got["min_9"], series.rolling(9).min())
    close(got["max_9"], series.rolling(9).max())
    close(got["std_9"], exact(9, lambda w: w.std(ddof=1)))
    close(got["ema_12"], series.ewm(span=12, adjust=False).mean())
    squares = (returns**2).rolling(9).apply(np.sum, raw=True)
    close(got["volatility_9"], squares**0.5)
    before, spread = exact(9, np.mean).shift(1), exact(9, lambda w: w.std(ddof=1)).shift(1)
    close(got["zscore_9"], (series - before) / spread.where(spread > 0), rel=1e-8)
    close(got["bollinger_20_upper"], exact(20, np.mean) + 2 * exact(20, np.std))


def test_the_index_agrees_with_a_plain_loop_over_a_hundred_thousand_ticks() -> None:
    series = walk(100_000, 8)
    proto = prices(1.0)
    tape = proto.take(np.zeros(len(series), dtype=int)).having(price=series)
    got = flow("rsi_14").feed(tape).ticks["rsi_14"]
    moves = np.diff(series)
    gain, loss = np.maximum(moves, 0), np.maximum(-moves, 0)
    up, down = gain[:14].mean(), loss[:14].mean()
    for n in range(14, len(moves)):
        up, down = (13 * up + gain[n]) / 14, (13 * down + loss[n]) / 14
        assert got[n + 1] == pytest.approx(100 * up / (up + down), rel=1e-9)


def test_windows_over_time_agree_with_polars() -> None:
    rng = np.random.default_rng(9)
    series, moments = walk(3_000, 9), np.cumsum(rng.integers(5, 40, 3_000))
    tape = ticks(
        {"price": p, "timestamp": at(seconds=int(s))} for p, s in zip(series, moments, strict=True)
    )
    got = flow(*ALL).feed(tape).ticks
    frame = pl.DataFrame({"at": moments.astype(np.int64), "price": series})
    want = frame.select(
        pl.col("price").rolling_mean_by("at", "90i").alias("sma_90s"),
        pl.col("price").rolling_min_by("at", "60i").alias("min_1m"),
    )
    close(got["sma_90s"], want["sma_90s"].to_numpy())
    close(got["min_1m"], want["min_1m"].to_numpy())


@pytest.mark.parametrize(
    "name", ["rsi", "rsi_", "rsi_1", "rsi_x", "sma_0", "sma_1w", "ema_501", "mad_5"]
)
def test_an_indicator_that_cannot_be_is_refused_with_the_rule(name: Any) -> None:
    with pytest.raises(ValueError, match=f"indicator '{name}"):
        indicator(name)


def test_the_row_holds_what_is_known_of_them_as_json() -> None:
    got = flow("sma_2", "max_3").feed(prices(1, 2, 4)).ticks
    assert got["indicators"].tolist() == ["{}", '{"sma_2":1.5}', '{"sma_2":3.0,"max_3":4.0}']


def test_the_row_holds_nothing_where_none_are_set() -> None:
    assert flow().feed(prices(1)).ticks["indicators"].tolist() == [None]
