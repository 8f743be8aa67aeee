"""Bars for hot sinks: open ones as they change, closed ones when the watermark passes.

0s        60s       120s
|----A----|----B----|          5 s lateness, 60 s idleness
"""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import given

from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow
from kcl_app.core.live import Watermark
from tests.core.tape import at, bits, cuttings, micros, placed_at, rules, tapes, ticks

ARRIVED = 1_738_333_800_000_000


def flow(*intervals: Any, idle: Any = 60) -> Any:
    mark = Watermark(5_000_000, idle * 1_000_000)
    return Flow("shard-0", replace(rules(*intervals or ("1m",)), watermark=mark))


def told(bars: Any, interval: Any = "1m") -> Any:
    """(symbol, begin in seconds, ticks) of each bar."""
    rows = bars.get(interval)
    if rows is None:
        return []
    starts = [(start - micros(at())) // 1_000_000 for start in rows["start"].tolist()]
    return sorted(zip(rows["symbol"].tolist(), starts, rows["ticks"].tolist(), strict=True))


def feed(road: Any, *seconds: Any, first: Any = 0, symbol: Any = "A") -> Any:
    rows = [{"symbol": symbol, "price": 1, "timestamp": at(seconds=s)} for s in seconds]
    return road.feed(ticks(rows, first=first)).live


def test_an_open_bar_is_told_as_it_changes() -> None:
    road = flow()
    assert told(feed(road, 10).current) == [("A", 0, 1)]
    assert told(feed(road, 20, first=1).current) == [("A", 0, 2)]


def test_a_bar_closes_when_a_tick_lies_the_lateness_behind_its_end() -> None:
    road = flow()
    feed(road, 10)
    assert told(feed(road, 64.9, first=1).closed) == []
    assert told(feed(road, 65, first=2).closed) == [("A", 0, 1)]


def test_a_bar_is_told_closed_once() -> None:
    road = flow()
    feed(road, 10, 65)
    assert feed(road, 66, first=2).closed == {}


def test_bars_that_one_call_opens_and_passes_are_all_told() -> None:
    live = feed(flow(), *range(0, 600, 60))
    assert told(live.closed) == [("A", 60 * n, 1) for n in range(8)]
    assert told(live.current) == [("A", 480, 1), ("A", 540, 1)]


def test_a_tick_after_the_close_closes_the_bar_again_with_its_new_value() -> None:
    road = flow()
    feed(road, 10, 65)
    live = feed(road, 30, first=2)
    assert (told(live.closed), told(live.current)) == ([("A", 0, 2)], [])


def test_no_other_symbol_moves_a_watermark() -> None:
    road = flow()
    feed(road, 10)
    assert told(feed(road, 500, first=1, symbol="B").closed) == []


def test_a_symbol_that_is_idle_by_arrival_is_closed_by_the_shards_arrivals() -> None:
    road = flow()
    feed(road, 10)
    assert road.idle(ARRIVED + 59_000_000).closed == {}
    assert told(road.idle(ARRIVED + 70_000_000).closed) == [("A", 0, 1)]
    assert road.idle(ARRIVED + 80_000_000).closed == {}


def test_without_a_watermark_nothing_is_told() -> None:
    road = Flow("shard-0", rules("1m"))
    assert (feed(road, 10, 65).closed, road.idle(ARRIVED * 2).closed) == ({}, {})


def test_a_restart_does_not_tell_again() -> None:
    road = flow()
    feed(road, 10, 65)
    again = Flow.restore("shard-0", road.rules, [road.snapshot()])
    assert told(feed(again, 66, first=2).closed) == []


def test_live_bars_change_nothing_in_the_lake() -> None:
    plain, live = Flow("shard-0", rules("1m")), flow()
    tape = ticks({"price": n + 1, "timestamp": at(seconds=20 * n)} for n in range(12))
    assert bits(plain.close(plain.feed(tape).ticks)["1m"]) == bits(
        live.close(live.feed(tape).ticks)["1m"]
    )


def test_a_bar_that_was_closed_by_silence_stays_closed() -> None:
    road = flow()
    feed(road, 10)
    road.idle(ARRIVED + 70_000_000)
    live = feed(road, 20, first=1)
    assert (told(live.closed), told(live.current)) == ([("A", 0, 2)], [])


def test_a_gap_window_that_silence_closed_opens_again_where_it_goes_on() -> None:
    road = flow("gap5m")
    feed(road, 10)
    assert told(road.idle(ARRIVED + 600_000_000).closed, "gap5m") == [("A", 10, 1)]
    after = ticks([{"symbol": "A", "price": 1, "timestamp": at(seconds=200)}], first=1)
    live = road.feed(after.having(arrival=after["arrival"] + 610_000_000)).live
    assert told(live.current, "gap5m") == [("A", 10, 2)]


def test_a_tick_that_lies_before_the_two_newest_windows_is_left_to_the_lake() -> None:
    road = flow()
    feed(road, 10, 70, 130)
    live = feed(road, 20, first=3)
    assert (live.closed, live.current) == ({}, {})


def test_a_bar_that_two_newer_ones_push_out_is_told_as_closed() -> None:
    """Three windows of a second, and a lateness of five: the first must leave."""
    road = flow("1s")
    assert told(feed(road, 0, 1).closed, "1s") == []
    assert told(feed(road, 2, first=2).closed, "1s") == [("A", 0, 1)]


def test_a_row_has_the_position_of_its_symbols_last_record() -> None:
    road = flow()
    feed(road, 10)
    rows = feed(road, 20, first=5, symbol="B").current["1m"]
    assert [int(text) for text in rows["sequence"].tolist()] == [4955]
    late = road.idle(ARRIVED + 70_000_000).closed["1m"]
    assert sorted(int(text) for text in late["sequence"].tolist()) == [4950, 4955]


@given(tapes(1), cuttings())
def test_the_last_word_on_a_bar_is_its_value(tape: Any, shares: Any) -> None:
    """The last word on a bar, open or closed, is the same for any cutting into calls."""

    def last_words(cuts: Any) -> Any:
        road, said = flow("1m", idle=10**9), {}
        for a, b in pairwise([0, *cuts, tape.size]):
            live = road.feed(tape.slice(a, b)).live
            for over, rows in ((False, live.current), (True, live.closed)):
                for bars in rows.values():
                    said.update(words(bars, over))
        return said

    assert last_words(placed_at(tape, shares)) == last_words([])


def words(rows: Columns, over: bool) -> Any:
    """What was said last of each (symbol, begin): all of it, but how often it was told."""
    often = {"revision", "sequence", "sub_sequence"}
    names = [name for name in rows if name not in {"symbol", "start", *often}]
    keys = zip(rows["symbol"].tolist(), rows["start"].tolist(), strict=True)
    values = [
        (over, *(rows[name][row : row + 1].tobytes() for name in names)) for row in range(rows.size)
    ]
    return dict(zip(keys, values, strict=True))
