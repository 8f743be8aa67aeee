"""Rolling values: by hand, against pandas and polars, and over a million ticks."""

import math
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.core.columns import Columns
from kcl_app.core.runs import Runs
from kcl_app.core.scan import scan
from tests.core.tape import at, flow, prices, ticks


def fed(*rows: Any, **more: Any) -> Any:
    return flow().feed(ticks({**row, **more} for row in rows)).ticks


def values(column: Any) -> Any:
    return [None if math.isnan(value) else value for value in column.tolist()]


def test_sma_5_needs_five_ticks_and_then_moves_with_each() -> None:
    got = flow().feed(prices(1, 2, 3, 4, 5, 6)).ticks
    assert values(got["sma_5"]) == [None, None, None, None, 3.0, 4.0]


def test_sma_20_needs_twenty_ticks() -> None:
    got = flow().feed(prices(*range(1, 22))).ticks
    assert values(got["sma_20"]) == [None] * 19 + [10.5, 11.5]


def test_the_z_score_measures_a_tick_by_the_twenty_before_without_itself() -> None:
    got = flow().feed(prices(*[9, 11] * 10, 13)).ticks
    assert values(got["z_score"])[:20] == [None] * 20
    assert got["z_score"][20] == pytest.approx(3 / math.sqrt(20 / 19), rel=1e-15)


@pytest.mark.parametrize("price", [0.1, 1 / 3, 1e-8, 99_999_999.99])
def test_twenty_equal_prices_give_no_z_score_whatever_comes(price: Any) -> None:
    got = flow().feed(prices(*[price] * 20, price, price * 2)).ticks
    assert values(got["z_score"])[20:21] == [None]


def test_volatility_starts_with_the_first_return() -> None:
    got = flow().feed(prices(100, 110, 99)).ticks
    first = 110 / 100 - 1
    second = 99 / 110 - 1
    assert values(got["ewma_volatility"]) == [
        None,
        pytest.approx(0.1),
        pytest.approx(math.sqrt(0.94 * first**2 + 0.06 * second**2)),
    ]


def test_the_change_is_derived_from_the_last_price_of_the_session_before() -> None:
    got = fed(
        {"price": 90, "timestamp": "2025-01-29T20:00:00Z"},
        {"price": 100, "timestamp": "2025-01-30T20:59:00Z"},
        {"price": 104, "timestamp": "2025-01-31T14:30:00Z"},
        {"price": 107, "timestamp": "2025-01-31T14:31:00Z"},
    )
    assert values(got["previous_close"]) == [None, 90, 100, 100]
    assert values(got["change"]) == [None, 10, 4, 7]
    assert values(got["change_percent"]) == [None, pytest.approx(100 / 9), 4, 7]


def test_what_the_source_says_about_the_change_stays() -> None:
    got = fed(
        {"price": 100, "timestamp": "2025-01-30T20:59:00Z"},
        {"price": 104, "previous_close": 80},
        {"price": 104, "previous_close": 80, "change_percent": -3},
        {"price": 104, "change": 1},
    )
    assert values(got["previous_close"])[1:] == [80, 80, 100]
    assert values(got["change"])[1:] == [24, 24, 1]
    assert values(got["change_percent"])[1:] == [30, -3, 1]


def test_a_tick_of_an_earlier_session_has_no_derived_change_and_changes_none() -> None:
    got = fed(
        {"price": 100, "timestamp": "2025-01-30T20:59:00Z"},
        {"price": 104, "timestamp": "2025-01-31T14:30:00Z"},
        {"price": 50, "timestamp": "2025-01-29T20:00:00Z"},
        {"price": 106, "timestamp": "2025-01-31T14:31:00Z"},
    )
    assert values(got["previous_close"]) == [None, 100, None, 100]


def test_the_session_is_the_exchanges_date_not_the_utc_date() -> None:
    # 23:59 in New York is already the next day in UTC.
    got = fed(
        {"price": 100, "timestamp": "2025-01-31T23:00:00Z"},
        {"price": 101, "timestamp": "2025-02-01T04:59:00Z"},
        {"price": 102, "timestamp": "2025-02-01T05:00:00Z"},
    )
    assert values(got["previous_close"]) == [None, None, 101]


def test_a_previous_close_of_zero_gives_no_percentage() -> None:
    got = fed({"price": 5, "previous_close": 0})
    assert values(got["change"]) == [5.0]
    assert values(got["change_percent"]) == [None]


def test_symbols_do_not_mix() -> None:
    rows = [{"symbol": s, "price": p} for p in range(1, 6) for s, p in (("A", p), ("B", 10 * p))]
    got = fed(*rows)
    assert values(got["sma_5"])[-2:] == [3.0, 30.0]


def test_the_trend_is_told_at_the_tick_where_sma_5_crosses_sma_20() -> None:
    up_and_down = [*range(100, 80, -1), *range(81, 101), *range(100, 80, -1)]
    got = flow().feed(prices(*up_and_down))
    crossing = np.flatnonzero(got.ticks["trend"])
    assert got.ticks["trend"][crossing].tolist() == [1, -1]
    for row, sign in zip(crossing, (1, -1), strict=True):
        before, here = (got.ticks["sma_5"] - got.ticks["sma_20"])[[row - 1, row]]
        assert before * sign <= 0 < here * sign
    trends = [
        r
        for k, r in zip(got.anomalies["kind"], got.anomalies["reason"], strict=True)
        if k == "trend"
    ]
    assert trends[0] == f"SMA 5 rose above SMA 20 at {up_and_down[crossing[0]]}"


def walk(count: Any, symbols: Any, seed: Any) -> Any:
    """Random walks as ticks of the core."""
    rng = np.random.default_rng(seed)
    names = np.array([f"S{n}" for n in range(symbols)], dtype=object)
    owner = rng.integers(0, symbols, count)
    levels = 50 + 10 * owner + np.round(np.cumsum(rng.normal(0, 0.01, count)), 2)
    proto = prices(1.0)
    repeated = proto.take(np.zeros(count, dtype=np.int64))
    moments = proto["timestamp"][0] + np.arange(count) * 1_000
    return repeated.having(symbol=names[owner], price=levels, timestamp=moments)


def close(ours: Any, reference: Any, rel: Any = 1e-9) -> None:
    assert np.array_equal(np.isnan(ours), np.isnan(reference))
    known = ~np.isnan(ours)
    np.testing.assert_allclose(ours[known], reference[known], rtol=rel, atol=1e-12)


def test_a_million_ticks_agree_with_polars() -> None:
    tape = walk(1_000_000, 300, 1)
    one, parts = flow(), []
    for start in range(0, tape.size, 50_000):
        parts.append(one.feed(tape.slice(start, start + 50_000)).ticks)
    got = Columns.joined(parts)
    price, by = pl.col("price"), "symbol"
    frame = pl.DataFrame({"symbol": got["symbol"].astype(str), "price": got["price"]})
    returns = price / price.shift(1) - 1
    squares = (returns**2).ewm_mean(alpha=0.06, adjust=False, ignore_nulls=True)
    want = frame.select(
        sma_5=price.rolling_mean(5).over(by),
        sma_20=price.rolling_mean(20).over(by),
        ewma_volatility=squares.sqrt().over(by),
    )
    for name in ("sma_5", "sma_20", "ewma_volatility"):
        close(got[name], want[name].fill_null(np.nan).to_numpy())


def test_z_scores_agree_with_the_two_pass_definition_far_from_zero() -> None:
    tape = walk(4_000, 3, 2)
    tape = tape.having(price=tape["price"] + 1e7)
    got = flow().feed(tape).ticks
    for _, rows in pd.Series(range(tape.size)).groupby(tape["symbol"]):
        series = tape["price"][rows]
        for n in range(20, len(series)):
            window = series[n - 20 : n]
            spread = window.std(ddof=1)
            want = (series[n] - window.mean()) / spread if spread else math.nan
            assert got["z_score"][rows.iloc[n]] == pytest.approx(
                want, rel=1e-6, abs=1e-6, nan_ok=True
            )


def test_z_scores_agree_with_pandas() -> None:
    tape = walk(30_000, 20, 3)
    got = flow().feed(tape).ticks
    series = pd.Series(tape["price"]).groupby(tape["symbol"])
    means = series.transform(lambda s: s.shift(1).rolling(20).apply(np.mean, raw=True))
    spread = series.transform(
        lambda s: s.shift(1).rolling(20).apply(lambda w: w.std(ddof=1), raw=True)
    )
    close(got["z_score"], ((tape["price"] - means) / spread).to_numpy(), rel=1e-8)


_moves = st.floats(-1e6, 1e6)


@given(st.lists(st.tuples(st.integers(0, 40), _moves), min_size=1, max_size=200))
def test_a_recurrence_gives_the_same_bits_by_columns_and_one_by_one(rows: Any) -> None:
    runs = Runs(np.array([slot for slot, _ in rows]))
    xs = np.array([x for _, x in rows])[runs.order]
    carry = np.linspace(-3, 3, len(runs.slots))
    factor = np.where(xs > 0, 0.94, 1 / 3)
    by_columns = scan(runs, carry, factor, xs, few=1)
    one_by_one = scan(runs, carry, factor, xs, few=10**9)
    for ours, theirs in zip(by_columns, one_by_one, strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_prices_of_a_million_times_a_symbol_do_not_drift() -> None:
    """The rolling mean of a constant stays the constant, after any number of large prices."""
    one = flow()
    large = walk(200_000, 1, 4)
    one.feed(large.having(price=large["price"] * 1e5 + 0.01))
    got = one.feed(prices(*[0.07] * 40)).ticks
    assert got["sma_20"][-1] == pytest.approx(0.07, rel=1e-15)


def test_the_ticks_stay_in_arrival_order() -> None:
    tape = ticks(
        [{"symbol": s, "price": 1, "timestamp": at(seconds=-n)} for n, s in enumerate("BABA")]
    )
    assert flow().feed(tape).ticks["symbol"].tolist() == ["B", "A", "B", "A"]


def test_how_late_a_tick_is_follows_from_the_newest_before_it() -> None:
    """Null where it is not late; a late tick makes none after it late."""
    seconds = [0, 60, 59, 0, 60, 61, 61, 60.5]
    got = flow().feed(ticks({"price": 1, "timestamp": at(seconds=s)} for s in seconds)).ticks
    assert values(got["late_seconds"]) == [None, None, 1, 60, None, None, None, 0.5]
