"""Windows of all kinds: aligned to UTC, to the exchange's sessions, hopping, ended by silence."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from kcl_app.calendars import UnknownCalendar, edges
from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow, Rules
from kcl_app.core.windows import Tumbling, window
from tests.core.tape import at, cuttings, flow, micros, placed_at, tapes, ticks

NEW_YORK = edges("XNYS", 2024, 2026)


def tumbling(name: str, calendar: Any) -> Tumbling:
    made = window(name, calendar)
    assert isinstance(made, Tumbling)
    return made


def bounds(name: Any, *texts: Any, calendar: Any = NEW_YORK) -> Any:
    """Begin and end of the window of each time, as UTC hours and minutes."""
    starts, ends = tumbling(name, calendar).bounds(np.array([micros(text) for text in texts]))
    return [(clock(start), clock(end)) for start, end in zip(starts, ends, strict=True)]


def clock(instant: Any) -> Any:
    return str(np.datetime64(int(instant), "us"))[5:16].replace("T", " ")


def test_hours_count_from_the_opening() -> None:
    # 9:30 in New York is 14:30 UTC in winter; the session ends at 21:00.
    assert (
        bounds("1h", "2025-01-31T14:30:00+00:00", "2025-01-31T15:29:59+00:00")
        == [("01-31 14:30", "01-31 15:30")] * 2
    )


def test_the_last_hour_of_a_session_ends_with_it() -> None:
    assert bounds("1h", "2025-01-31T20:45:00+00:00") == [("01-31 20:30", "01-31 21:00")]


def test_the_day_is_the_session() -> None:
    assert (
        bounds("1d", "2025-01-31T14:30:00+00:00", "2025-01-31T20:59:59+00:00")
        == [("01-31 14:30", "01-31 21:00")] * 2
    )


def test_what_trades_before_and_after_has_windows_of_its_own() -> None:
    assert bounds("1d", "2025-01-31T14:29:59+00:00", "2025-01-31T21:00:00+00:00") == [
        ("01-30 21:00", "01-31 14:30"),
        ("01-31 21:00", "02-01 21:00"),
    ]


def test_a_half_day_has_a_short_window() -> None:
    # The day before Independence Day closes at 13:00, which is 17:00 UTC in summer.
    assert bounds("1d", "2025-07-03T16:59:59+00:00", "2025-07-03T17:00:00+00:00") == [
        ("07-03 13:30", "07-03 17:00"),
        ("07-03 17:00", "07-04 17:00"),
    ]


def test_sessions_follow_both_changes_of_the_clock() -> None:
    assert bounds(
        "1d",
        "2025-03-07T15:00:00+00:00",
        "2025-03-10T15:00:00+00:00",
        "2025-10-31T15:00:00+00:00",
        "2025-11-03T15:00:00+00:00",
    ) == [
        ("03-07 14:30", "03-07 21:00"),
        ("03-10 13:30", "03-10 20:00"),
        ("10-31 13:30", "10-31 20:00"),
        ("11-03 14:30", "11-03 21:00"),
    ]


def test_before_the_calendar_begins_windows_are_aligned_to_utc_and_end_where_it_begins() -> None:
    assert bounds("1d", "2023-06-01T12:00:00+00:00") == [("06-01 00:00", "06-02 00:00")]
    assert bounds("1d", "2024-01-02T12:00:00+00:00") == [("01-02 00:00", "01-02 14:30")]


def test_every_time_lies_in_exactly_one_window_of_a_calendar() -> None:
    times = np.arange(
        micros("2025-06-27T00:00:00+00:00"), micros("2025-07-09T00:00:00+00:00"), 7 * 60_000_000
    )
    starts, ends = tumbling("1h", NEW_YORK).bounds(times)
    assert ((starts <= times) & (times < ends)).all()
    spans = sorted(set(zip(starts.tolist(), ends.tolist(), strict=True)))
    assert all(end == start for (_, end), (start, _) in pairwise(spans))


def test_an_exchange_with_a_lunch_break_has_windows_around_it() -> None:
    tokyo = edges("XTKS", 1990, 2026)
    assert bounds(
        "1d", "2025-01-31T02:29:59+00:00", "2025-01-31T03:30:00+00:00", calendar=tokyo
    ) == [
        ("01-31 00:00", "01-31 02:30"),
        ("01-31 03:30", "01-31 06:30"),
    ]


def test_a_calendar_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UnknownCalendar, match=r"'NASDQ': no such calendar; there are .*XNYS"):
        edges("NASDQ", 2024, 2026)


def closed(name: Any, *rows: Any, calendar: Any = None) -> Any:
    road = Flow("shard-0", Rules("America/New_York", (window(name, calendar),), ()))
    return road.close(road.feed(ticks(rows)).ticks)[name]


def seconds(column: Any) -> Any:
    return [(value - micros(at())) // 1_000_000 for value in column.tolist()]


def test_a_tick_lies_in_each_hopping_window_that_covers_it() -> None:
    """
    0s    60s   120s
    |--x--|           a tick at 30 s
    """
    bars = closed("2m_1m", {"price": 5, "timestamp": at(seconds=30)})
    assert sorted(zip(seconds(bars["start"]), seconds(bars["end"]), strict=True)) == [
        (-60, 60),
        (0, 120),
    ]


def test_hopping_windows_hold_what_lies_in_them() -> None:
    rows = [{"price": p, "timestamp": at(seconds=s)} for p, s in ((1, 30), (2, 90), (3, 150))]
    bars = closed("2m_1m", *rows)
    found = sorted(zip(seconds(bars["start"]), bars["ticks"].tolist(), strict=True))
    assert found == [(-60, 1), (0, 2), (60, 2), (120, 1)]


def test_a_gap_window_lasts_until_nothing_comes_for_so_long() -> None:
    """
    0s  20s    60s       100s
    x----x      x---------x       gap 30 s
    """
    rows = [{"price": 1, "timestamp": at(seconds=s)} for s in (0, 20, 60, 100)]
    bars = closed("gap30s", *rows)
    assert list(zip(seconds(bars["start"]), seconds(bars["end"]), bars["ticks"], strict=True)) == [
        (0, 50, 2),
        (60, 90, 1),
        (100, 130, 1),
    ]


def test_a_silence_of_exactly_the_gap_ends_the_window() -> None:
    rows = [{"price": 1, "timestamp": at(seconds=s)} for s in (0, 30)]
    assert closed("gap30s", *rows).size == 2


def test_a_gap_window_goes_on_in_the_next_cut() -> None:
    road = flow("gap30s")
    for first, second in ((0, 10), (1, 35)):
        fed = road.feed(ticks([{"price": 1, "timestamp": at(seconds=second)}], first=first))
        bars = road.close(fed.ticks)["gap30s"]
    assert (seconds(bars["start"]), seconds(bars["end"])) == ([10], [65])
    assert (bars["ticks"].tolist(), bars["revision"].tolist()) == ([2], [2])


def islands(rows: Columns) -> Any:
    """Final gap windows: last revisions of the parts, those that overlap joined."""
    parts: dict[Any, int] = {}
    for row in range(rows.size):
        key = (rows["symbol"][row], bytes(rows["part"][row]))
        if key not in parts or rows["revision"][row] > rows["revision"][parts[key]]:
            parts[key] = row
    spans = sorted(
        (rows["symbol"][r], int(rows["start"][r]), int(rows["end"][r]), int(rows["ticks"][r]))
        for r in parts.values()
    )
    joined: list[list[Any]] = []
    for symbol, start, end, count in spans:
        if joined and joined[-1][0] == symbol and start < joined[-1][2]:
            joined[-1][2] = max(joined[-1][2], end)
            joined[-1][3] += count
        else:
            joined.append([symbol, start, end, count])
    return joined


@given(tapes(1), cuttings())
def test_final_gap_windows_are_the_same_for_any_cuts(tape: Any, shares: Any) -> None:
    def final(cuts: Any) -> Any:
        road, rows = flow("gap30m"), list[Columns]()
        for a, b in pairwise([0, *cuts, tape.size]):
            rows += road.close(road.feed(tape.slice(a, b)).ticks).values()
        return islands(Columns.joined(rows))

    assert final(placed_at(tape, shares)) == final([])


@given(tapes(1), cuttings())
def test_final_hopping_windows_are_the_same_for_any_cuts(tape: Any, shares: Any) -> None:
    def final(cuts: Any) -> Any:
        road, rows = flow("1h_20m"), list[Columns]()
        for a, b in pairwise([0, *cuts, tape.size]):
            rows += road.close(road.feed(tape.slice(a, b)).ticks).values()
        return islands(Columns.joined(rows)), sum(last_revisions(Columns.joined(rows)))

    windows, count = final(placed_at(tape, shares))
    assert (windows, count) == final([])
    assert count == 3 * tape.size


def last_revisions(rows: Any) -> Any:
    newest = {}
    for row in range(rows.size):
        newest[rows["symbol"][row], bytes(rows["part"][row]), int(rows["start"][row])] = rows[
            "ticks"
        ][row]
    return newest.values()


@pytest.mark.parametrize("name", ["1h_7m", "5m_5m", "1d_1s", "gap", "gap0m", "session", "5m_"])
def test_a_window_that_cannot_be_is_refused_with_examples(name: Any) -> None:
    with pytest.raises(ValueError, match=r"1h_5m.*gap30m"):
        window(name)
