"""Bars, drawn by hand. Minutes from 9:30 in New York:

0s        60s       120s
|----A----|----B----|
"""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.core import padded
from kcl_app.core.columns import Columns, text
from kcl_app.core.tables import bars_to_arrow
from tests.core.tape import at, flow, merged, micros, ticks


def bars(flow: Any, *rows: Any) -> Any:
    """The 1m bars that a cut of these ticks writes."""
    fed = flow.feed(ticks(rows, first=int(flow_count(flow))))
    return bars_to_arrow(flow.close(fed.ticks), "shard-0").to_pylist()


_counts: dict[int, int] = {}


def flow_count(flow: Any) -> Any:
    """Positions go on from cut to cut."""
    _counts[id(flow)] = _counts.get(id(flow), -100) + 100
    return _counts[id(flow)]


def trade(second: Any, price: Any, size: Any = 100, **more: Any) -> Any:
    return {"timestamp": at(seconds=second), "price": price, "volume": size, **more}


def one(rows: Any) -> Any:
    assert len(rows) == 1
    return rows[0]


def test_a_bar_holds_open_high_low_close_and_sums() -> None:
    bar = one(bars(flow(), trade(0, 10), trade(20, 12, 300), trade(40, 9), trade(59.999999, 11)))
    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (10, 12, 9, 11)
    assert (bar["volume"], bar["ticks"], bar["revision"]) == (600, 4, 1)
    assert bar["notional"] == Decimal(6600)
    assert bar["vwap"] == 11.0
    assert (bar["interval"], bar["symbol"], bar["shard"]) == ("1m", "A", "shard-0")
    assert bar["start"].isoformat() == "2025-01-31T14:30:00+00:00"
    assert bar["end"].isoformat() == "2025-01-31T14:31:00+00:00"
    assert bar["first_at"].isoformat() == "2025-01-31T14:30:00+00:00"
    assert bar["last_at"].isoformat() == "2025-01-31T14:30:59.999999+00:00"
    assert (str(bar["exchange_date"]), bar["exchange_hour"], bar["exchange_minute"]) == (
        "2025-01-31",
        9,
        30,
    )


def test_a_window_includes_its_begin_and_excludes_its_end() -> None:
    first, second = bars(flow(), trade(0, 10), trade(59.999999, 11), trade(60, 12))
    assert (first["ticks"], second["ticks"]) == (2, 1)


def test_open_and_close_follow_the_event_time_not_the_arrival() -> None:
    bar = one(bars(flow(), trade(30, 12), trade(10, 10), trade(50, 15), trade(40, 14)))
    assert (bar["open"], bar["close"]) == (10, 15)


def test_of_equal_times_the_first_position_opens_and_the_last_closes() -> None:
    bar = one(bars(flow(), trade(5, 10), trade(5, 11), trade(5, 12)))
    assert (bar["open"], bar["close"]) == (10, 12)


def test_of_equal_times_in_two_cuts_the_first_position_opens_and_the_last_closes() -> None:
    road = flow()
    bars(road, trade(5, 10))
    bar = one(bars(road, trade(5, 11), trade(5, 12)))
    assert (bar["open"], bar["close"], bar["ticks"], bar["revision"]) == (10, 12, 3, 2)


def test_a_cut_writes_the_bars_it_touched_with_the_next_revision() -> None:
    road = flow()
    first = one(bars(road, trade(0, 10)))
    second, third = bars(road, trade(20, 12), trade(70, 20))
    assert (second["revision"], second["ticks"], second["close"]) == (2, 2, 12)
    assert second["part"] == first["part"]
    assert (third["revision"], third["ticks"]) == (1, 1)
    assert third["part"] != first["part"]


def test_a_late_tick_lands_in_its_own_window() -> None:
    road = flow()
    bars(road, trade(0, 10), trade(70, 20))
    bar = one(bars(road, trade(30, 5)))
    assert bar["start"].isoformat() == "2025-01-31T14:30:00+00:00"
    assert (bar["ticks"], bar["low"], bar["close"], bar["revision"]) == (2, 5, 5, 2)


def test_a_tick_later_than_the_windows_kept_opens_a_part_that_adds_up() -> None:
    road, rows = flow(), []
    cuts = [
        [trade(0, 10, 1), trade(59, 11, 2)],
        [trade(600, 20)],
        [trade(700, 21)],
        [trade(30, 5, 4)],
    ]
    for cut in cuts:
        fed = road.feed(ticks(cut, first=int(flow_count(road))))
        rows.append(road.close(fed.ticks)["1m"])
    first, late = rows[0], rows[3]
    assert late["revision"].tolist() == [1]
    assert late["part"][0] > first["part"][0]
    final = merged(Columns.joined(rows))[("A", micros(at()))]
    assert final[:4] == (10, 11, 5, 11)
    assert final[4] == 7
    assert final[5] == (10 + 22 + 20) * 10**14
    assert final[6] == 3


def test_the_state_keeps_two_windows_a_symbol_however_many_a_cut_touches() -> None:
    road = flow()
    bars(road, *[trade(60 * n, 10) for n in range(10)])
    bar = one(bars(road, trade(60 * 8 + 1, 11)))
    assert bar["revision"] == 2
    bar = one(bars(road, trade(60 * 7 + 1, 11)))
    assert bar["revision"] == 1


def test_the_part_is_the_position_of_the_tick_that_arrived_first() -> None:
    fed = flow().feed(ticks([trade(30, 12), trade(10, 10)]))
    rows = flow().close(fed.ticks)["1m"]
    sequence = str(fed.ticks["sequence"][0])
    assert rows["part"][0].decode() == f"{sequence:0>56}-{0:010d}-{0:07d}"


def test_a_bar_of_bars_takes_their_open_high_and_low() -> None:
    minute = {"kind": "bar", "open": 8, "high": 15, "low": 7}
    bar = one(bars(flow(), trade(0, 10, **minute), trade(30, 11, kind="bar", high=12, low=10)))
    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (8, 15, 7, 11)
    assert bar["volume"] == 200


def test_a_bar_of_quotes_leaves_the_days_open_high_and_low_out() -> None:
    quote = {"kind": "quote", "open": 1, "high": 99, "low": 1}
    bar = one(bars(flow(), trade(0, 10, **quote), trade(30, 11, **quote)))
    assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (10, 11, 10, 11)


def quote(second: Any, total: Any, **more: Any) -> Any:
    return trade(second, 10, total, kind="quote", **more)


def volumes(*rows: Any) -> Any:
    return flow().feed(ticks(rows)).ticks["traded"].tolist()


def test_quotes_trade_the_difference_of_the_days_running_total() -> None:
    assert volumes(quote(0, 500), quote(30, 650), quote(61, 650), quote(90, 700)) == [
        500_000_000,
        150_000_000,
        0,
        50_000_000,
    ]


def test_the_running_total_begins_again_with_the_exchanges_day() -> None:
    yesterday = quote(-86_400, 900)
    assert volumes(yesterday, quote(0, 500)) == [900_000_000, 500_000_000]


def test_a_total_that_falls_is_a_correction_and_trades_nothing() -> None:
    assert volumes(quote(0, 500), quote(1, 400), quote(2, 450)) == [500_000_000, 0, 50_000_000]


def test_a_late_quote_trades_nothing_since_the_newer_total_holds_it() -> None:
    assert volumes(quote(0, 500), quote(20, 700), quote(10, 600), quote(30, 750)) == [
        500_000_000,
        200_000_000,
        0,
        50_000_000,
    ]


def test_a_quote_without_a_total_trades_nothing_and_is_passed_over() -> None:
    assert volumes(quote(0, 500), quote(1, None), quote(2, 510)) == [500_000_000, 0, 10_000_000]


def test_trades_and_quotes_of_a_symbol_do_not_disturb_each_other() -> None:
    assert volumes(quote(0, 500), trade(1, 10, 7), quote(2, 510)) == [
        500_000_000,
        7_000_000,
        10_000_000,
    ]


def test_a_bar_without_volume_has_no_vwap() -> None:
    bar = one(bars(flow(), {"price": 10}))
    assert (bar["volume"], bar["vwap"], bar["notional"]) == (0, None, 0)


def test_sums_are_exact_where_floats_are_not() -> None:
    tape = [trade(0, 0.1, 0.1), trade(1, 0.2, 0.2), trade(2, 0.3, 0.3)] * 10
    bar = one(bars(flow(), *tape))
    assert bar["notional"] == Decimal("1.4")
    assert bar["volume"] == 6.0
    assert bar["vwap"] == 14 / 60


def test_the_largest_values_add_up() -> None:
    bar = one(bars(flow(), *[trade(n, 11_111, 8_999_999_999_999) for n in range(50)]))
    assert bar["notional"] == 50 * 11_111 * 8_999_999_999_999
    assert (bar["vwap"], bar["volume"]) == (11_111, 50 * 8_999_999_999_999)


@pytest.mark.parametrize(
    ("interval", "start"),
    [
        ("30s", "2025-01-31T14:37:00+00:00"),
        ("1m", "2025-01-31T14:37:00+00:00"),
        ("5m", "2025-01-31T14:35:00+00:00"),
        ("1h", "2025-01-31T14:00:00+00:00"),
        ("1d", "2025-01-31T00:00:00+00:00"),
    ],
)
def test_intervals_are_aligned_to_utc(interval: Any, start: Any) -> None:
    road = flow(interval)
    rows = road.close(road.feed(ticks([trade(7 * 60 + 5, 10)])).ticks)[interval]
    assert rows["start"].tolist() == [micros(start)]


@pytest.mark.parametrize("name", ["", "m", "0m", "7m", "2d", "1w", "1.5h", "-1m", "100000s"])
def test_an_interval_that_divides_no_day_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="write one that divides a day"):
        flow(name)


def test_symbols_that_differ_in_case_have_bars_of_their_own() -> None:
    assert len(bars(flow(), trade(0, 1, symbol="a"), trade(0, 2, symbol="A"))) == 2


def test_days_of_silence_leave_no_bars_between() -> None:
    first, second = bars(flow(), trade(0, 1), trade(5 * 86_400, 2))
    assert np.subtract(second["start"], first["start"]).days == 5


PLACES = st.tuples(st.integers(1, 10**55), st.integers(0, 10**10 - 1), st.integers(0, 10**7 - 1))


@given(st.lists(PLACES, min_size=1))
def test_the_name_of_a_part_is_its_position_in_figures(places: Any) -> None:
    sequences, subs, lines = ([place[n] for place in places] for n in range(3))
    numbers = (np.array(column, dtype=np.int64) for column in (subs, lines))
    names = padded.rows(text([str(n) for n in sequences]), *numbers)
    assert names.tolist() == [f"{a:056d}-{b:010d}-{c:07d}".encode() for a, b, c in places]
