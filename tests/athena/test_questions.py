"""Each question of the house, on a small lake, with the answer written out."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from athena.library import questions
from config.site import Site
from tests.athena.conftest import Ask
from tests.athena.lake import anomaly, at, bar, place, reject, tick, write


def naive(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def test_highest_high_is_by_the_exchange_s_hour_on_both_sides_of_the_march_change(
    lake: Site, ask: Ask
) -> None:
    # New York opens at 9:30: 14:30 UTC on Friday the 7th (EST), 13:30 UTC on Monday the 10th (EDT)
    write(
        lake,
        "bars",
        [
            bar("ABC", "2025-03-07T14:30:00", 10.0),
            bar("ABC", "2025-03-07T15:00:00", 12.0),
            bar("ABC", "2025-03-10T13:30:00", 11.0),
            bar("ABC", "2025-03-10T14:00:00", 9.0),
            bar("XYZ", "2025-03-10T19:59:00", 7.5),
        ],
    )
    assert ask("highest_high_per_hour") == [
        {"symbol": "ABC", "hour": 9, "highest_high": 11.0, "bars": 2},
        {"symbol": "ABC", "hour": 10, "highest_high": 12.0, "bars": 2},
        {"symbol": "XYZ", "hour": 15, "highest_high": 7.5, "bars": 1},
    ]


def test_highest_high_is_by_the_exchange_s_hour_on_both_sides_of_the_november_change(
    lake: Site, ask: Ask
) -> None:
    # 9:30 in New York: 13:30 UTC on Friday 31 October (EDT), 14:30 UTC on Monday 3 November (EST)
    write(
        lake,
        "bars",
        [
            bar("ABC", "2025-10-31T13:30:00", 20.0),
            bar("ABC", "2025-11-03T14:30:00", 21.0),
            bar("ABC", "2025-10-31T14:30:00", 30.0),
            bar("ABC", "2025-11-03T13:59:00", 1.0),
        ],
    )
    assert ask("highest_high_per_hour") == [
        {"symbol": "ABC", "hour": 8, "highest_high": 1.0, "bars": 1},
        {"symbol": "ABC", "hour": 9, "highest_high": 21.0, "bars": 2},
        {"symbol": "ABC", "hour": 10, "highest_high": 30.0, "bars": 1},
    ]


def test_the_hour_that_comes_twice_is_one_hour_of_the_exchange_s_clock(
    lake: Site, ask: Ask
) -> None:
    # 2 November 2025: 05:30 UTC is 1:30 EDT, 06:30 UTC is 1:30 EST
    write(
        lake, "bars", [bar("A", "2025-11-02T05:30:00", 1.0), bar("A", "2025-11-02T06:30:00", 2.0)]
    )
    assert ask("highest_high_per_hour") == [
        {"symbol": "A", "hour": 1, "highest_high": 2.0, "bars": 2}
    ]


def test_a_bar_counts_with_its_highest_revision_only(lake: Site, ask: Ask) -> None:
    write(
        lake,
        "bars",
        [
            bar("A", "2025-03-10T14:00:00", 5.0, revision=1),
            bar("A", "2025-03-10T14:00:00", 4.0, revision=2),
        ],
    )
    assert ask("highest_high_per_hour") == [
        {"symbol": "A", "hour": 10, "highest_high": 4.0, "bars": 1}
    ]


def test_the_parts_of_a_window_add_up(lake: Site, ask: Ask) -> None:
    start = "2025-03-10T14:00:00"
    late = {"first_at": at("2025-03-10T14:00:30"), "last_at": at("2025-03-10T14:00:50")}
    early = {"first_at": at("2025-03-10T14:00:05"), "last_at": at("2025-03-10T14:00:20")}
    write(
        lake,
        "bars",
        [
            bar("A", start, 9.0, low=7.0, open=8.0, close=7.5, part="2", **late)
            | {"volume": 30.0, "notional": Decimal("240"), "ticks": 3},
            bar("A", start, 6.0, low=5.0, open=5.5, close=6.0, part="1", **early)
            | {"volume": 10.0, "notional": Decimal("60"), "ticks": 2},
        ],
    )
    assert ask("bars", symbol="A") == [
        {
            "start": naive(start),
            "hour": 10,
            "minute": 0,
            "open": 5.5,
            "high": 9.0,
            "low": 5.0,
            "close": 7.5,
            "volume": 40.0,
            "vwap": 7.5,
            "ticks": 5,
        }
    ]


def test_a_bar_without_volume_has_no_vwap(lake: Site, ask: Ask) -> None:
    none = {"volume": 0.0, "notional": Decimal(0), "vwap": None}
    write(lake, "bars", [bar("A", "2025-03-10T14:00:00", 5.0, **none)])
    assert ask("bars", symbol="A")[0]["vwap"] is None


def test_bars_are_of_the_symbol_the_interval_and_the_lake_s_last_day(lake: Site, ask: Ask) -> None:
    write(
        lake, "bars", [bar("A", "2025-03-07T15:00:00", 1.0), bar("A", "2025-03-10T14:01:00", 2.0)]
    )
    write(lake, "bars", [bar("B", "2025-03-10T14:00:00", 3.0)])
    write(lake, "bars", [bar("A", "2025-03-10T14:00:00", 4.0)], interval="1h")
    assert [row["high"] for row in ask("bars", symbol="A")] == [2.0]
    assert [row["high"] for row in ask("bars", symbol="A", interval="1h")] == [4.0]
    both = {"from": "2025-03-07", "to": "2025-03-10"}
    assert [row["high"] for row in ask("bars", symbol="A", **both)] == [1.0, 2.0]


def test_first_ten_are_the_earliest_in_the_order_of_time(lake: Site, ask: Ask) -> None:
    write(lake, "ticks", [tick("A", f"2025-03-10T14:{m:02d}:00", m) for m in range(11, -1, -1)])
    rows = ask("first_ten")
    assert [row["price"] for row in rows] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert rows[0]["timestamp"] == naive("2025-03-10T14:00:00")
    assert list(rows[0])[-1] == "dt"
    assert rows[0]["dt"] == "2025-03-10"


def test_top_five_price_change_lists_a_company_once_by_its_latest_tick(
    lake: Site, ask: Ask
) -> None:
    day = "2025-03-10T14:00:0"
    rows = [
        tick(s, f"{day}1", 100.0 + up, previous_close=100.0, change_percent=float(up))
        for s, up in (("A", 1), ("B", 2), ("C", 3), ("D", -4), ("E", 5), ("F", 6))
    ]
    # F was up 60 before; what counts is where it is now. G has no close to compare with.
    rows += [tick("F", f"{day}0", 160.0, previous_close=100.0, change_percent=60.0)]
    rows += [tick("G", f"{day}1", 900.0)]
    write(lake, "ticks", rows)
    assert [(row["symbol"], row["price_change"]) for row in ask("top_five_price_change")] == [
        ("F", 6.0),
        ("E", 5.0),
        ("C", 3.0),
        ("B", 2.0),
        ("A", 1.0),
    ]


def test_average_volume_takes_a_quote_s_running_total_once_a_day(lake: Site, ask: Ask) -> None:
    quote = {"kind": "quote"}
    write(
        lake,
        "ticks",
        [
            tick("Q", "2025-03-07T15:00:00", 1.0, volume=100.0, **quote),
            tick("Q", "2025-03-07T16:00:00", 1.0, volume=300.0, **quote),
            tick("Q", "2025-03-10T15:00:00", 1.0, volume=500.0, **quote),
            tick("T", "2025-03-07T15:00:00", 1.0, volume=10.0),
            tick("T", "2025-03-07T16:00:00", 1.0, volume=30.0),
            tick("N", "2025-03-07T16:00:00", 1.0),
        ],
    )
    assert ask("average_volume") == [
        {"symbol": "Q", "kind": "quote", "average_daily_volume": 400.0, "days": 2, "ticks": 3},
        {"symbol": "T", "kind": "trade", "average_daily_volume": 40.0, "days": 1, "ticks": 2},
    ]


def test_large_changes_lie_beyond_five_percent_either_way(lake: Site, ask: Ask) -> None:
    changes = {"A": 5.0, "B": 5.1, "C": -7.0, "D": None, "E": -4.9}
    write(
        lake,
        "ticks",
        [
            tick(s, "2025-03-10T14:00:00", 1.0, previous_close=1.0, change_percent=c)
            for s, c in changes.items()
        ],
    )
    assert [(r["symbol"], r["change_percent"]) for r in ask("large_changes")] == [
        ("C", -7.0),
        ("B", 5.1),
    ]
    assert [r["symbol"] for r in ask("large_changes", percent="6")] == ["C"]
    assert [r["symbol"] for r in ask("large_changes", limit="1", percent="4.5")] == ["C"]


def test_latest_prices_break_ties_by_position_not_by_text(lake: Site, ask: Ask) -> None:
    same = "2025-03-10T14:00:00"
    write(
        lake,
        "ticks",
        [
            tick("A", same, 1.0, sequence="99"),
            tick("A", same, 2.0, sequence="100"),
            tick("B", "2025-03-07T15:00:00", 3.0, flags="z_score"),
        ],
    )
    assert [(r["symbol"], r["price"], r["flags"]) for r in ask("latest_prices")] == [
        ("A", 2.0, None),
        ("B", 3.0, "z_score"),
    ]


def test_anomalies_come_gravest_first(lake: Site, ask: Ask) -> None:
    write(
        lake,
        "anomalies",
        [
            anomaly("A", "2025-03-10T14:00:00", "change", "low", 5.5),
            anomaly("A", "2025-03-10T14:00:01", "z_score", "high", -9.0),
            anomaly("B", "2025-03-10T14:00:02", "z_score", "high", 8.0),
        ],
    )
    rows = ask("anomalies_by_kind")
    assert [(r["severity"], r["kind"], r["flags"], r["companies"]) for r in rows] == [
        ("high", "z_score", 2, 2),
        ("low", "change", 1, 1),
    ]
    assert rows[0]["highest_score"] == 9.0
    assert rows[0]["first_at"] == naive("2025-03-10T14:00:01")
    assert rows[0]["last_at"] == naive("2025-03-10T14:00:02")


def test_rejects_are_counted_by_reason(lake: Site, ask: Ask) -> None:
    write(
        lake,
        "rejects",
        [
            reject("not JSON", b"\xff\x00abc", "2025-03-10T14:00:00"),
            reject("not JSON", b"", "2025-03-11T14:00:00"),
            reject("price is missing", b"{}", "2025-03-10T14:00:00"),
        ],
    )
    assert ask("rejects_by_reason") == [
        {
            "reason": "not JSON",
            "rejects": 2,
            "bytes": 5,
            "first_at": naive("2025-03-10T14:00:00"),
            "last_at": naive("2025-03-11T14:00:00"),
        },
        {
            "reason": "price is missing",
            "rejects": 1,
            "bytes": 2,
            "first_at": naive("2025-03-10T14:00:00"),
            "last_at": naive("2025-03-10T14:00:00"),
        },
    ]


def test_lateness_is_from_event_to_arrival(lake: Site, ask: Ask) -> None:
    when = "2025-03-10T14:00:00"
    write(
        lake,
        "ticks",
        [
            tick("A", when, 1.0, **place(arrival=at("2025-03-10T14:00:01.500"))),
            tick("A", when, 1.0, **place(arrival=at("2025-03-10T14:00:01.500"))),
            tick("A", when, 1.0, **place(arrival=at("2025-03-10T14:01:00"))),
        ],
    )
    [row] = ask("lateness")
    assert (row["symbol"], row["ticks"], row["worst_seconds"]) == ("A", 3, 60.0)
    assert row["median_seconds"] == pytest.approx(1.5)


@pytest.mark.parametrize("name", sorted(questions()))
def test_an_empty_lake_answers_with_no_rows(ask: Ask, name: str) -> None:
    needed = {n: "A" for n, p in questions()[name].parameters.items() if p.default is None}
    assert ask(name, **needed) == []


@pytest.mark.parametrize("name", sorted(questions()))
def test_every_question_has_a_title_words_and_prunes_on_days(name: str) -> None:
    asked = questions()[name]
    assert asked.title != name
    assert asked.doc
    assert {"from", "to"} <= set(asked.parameters)
