"""Every kind of window on its whole road: ticks, cuts, Parquet, the view; against the ticks alone.

The computation beside it knows no cut, part or revision: it sorts the ticks by time and position.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from athena.library import VIEWS
from athena.local import NAMES
from athena.macros import MACROS
from athena.translate import translate
from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow
from kcl_app.core.tables import placed, to_arrow
from tests.core.tape import at, cuttings, placed_at, rules, ticks

MINUTE = 60_000_000
GAP = 5 * MINUTE
INTERVALS = ("1m", "1h", "1h_20m", "gap5m")
DAY = 24 * 60 * MINUTE
Row = dict[str, Any]


@st.composite
def trades(draw: st.DrawFn) -> Columns:
    """Trades of two symbols: sessions, silences, midnights, and ticks from long before. No two
    of a symbol at one instant."""
    steps = st.sampled_from([1, 7, 61, 150, 299, 300, 301, 1_000, 40_000, -1, -130, -310, -4_000])
    drawn = draw(st.lists(st.tuples(st.sampled_from("AB"), steps, st.integers(1, 900)), min_size=1))
    moment, taken, rows = 30_000, set(), []
    for symbol, step, price in drawn:
        moment = max(moment + step, 0)
        while (symbol, moment) in taken:
            moment += 1
        taken.add((symbol, moment))
        rows.append(
            {"symbol": symbol, "timestamp": at(seconds=moment), "price": price, "volume": price % 4}
        )
    return ticks(rows)


def objects(tape: Columns, cuts: Any) -> Iterator[tuple[str, str, bytes]]:
    """(interval, dt, Parquet) of each object of bars."""
    flow = Flow("shard-0", rules(*INTERVALS))
    for a, b in pairwise([0, *cuts, tape.size]):
        for interval, rows in flow.close(flow.feed(tape.slice(a, b)).ticks).items():
            for day, some in placed("bars", rows).items():
                body = io.BytesIO()
                pq.write_table(to_arrow("bars", some, "shard-0"), body)
                yield interval, day, body.getvalue()


def read(interval: str, day: str, body: bytes) -> pa.Table:
    rows = pq.read_table(io.BytesIO(body))
    for name, value in (("interval", interval), ("dt", day)):
        rows = rows.append_column(name, pa.repeat(pa.scalar(value), rows.num_rows))
    return rows


def viewed(tape: Columns, cuts: Any) -> list[Row]:
    bars = pa.concat_tables([read(*found) for found in objects(tape, cuts)])
    with duckdb.connect(":memory:", config={"integer_division": "true"}) as base:
        base.execute("set timezone = 'UTC'")
        for macro in MACROS:
            base.execute(f"create macro {macro}")
        base.register("bars", bars)
        rows: list[Row] = (
            base.sql(translate(VIEWS["bars_final"], NAMES)).to_arrow_table().to_pylist()
        )
    return rows


def windows(moments: list[int]) -> Iterator[tuple[str, int, int]]:
    """(interval, begin, end) of every window that has one of a symbol's sorted times."""
    for moment in moments:
        for name, width, hop in (
            ("1m", MINUTE, MINUTE),
            ("1h", 60 * MINUTE, 60 * MINUTE),
            ("1h_20m", 60 * MINUTE, 20 * MINUTE),
        ):
            last = moment - moment % hop
            yield from ((name, begin, begin + width) for begin in range(last, last - width, -hop))
    begin = moments[0]
    for before, after in pairwise([*moments, moments[-1] + DAY]):
        if after - before >= GAP:
            yield "gap5m", begin, before + GAP
            begin = after


def computed(tape: Columns) -> list[Row]:
    rows = []
    for symbol in sorted(set(tape["symbol"].tolist())):
        own = tape.take(tape["symbol"] == symbol)
        columns = (own[name].tolist() for name in ("timestamp", "price", "volume"))
        sales = sorted(zip(*columns, strict=True), key=lambda sale: sale[0])
        for interval, begin, end in set(windows([sale[0] for sale in sales])):
            rows.append(
                {"symbol": symbol, "interval": interval}
                | bar(begin, end, [sale for sale in sales if begin <= sale[0] < end])
            )
    return rows


def bar(begin: int, end: int, sales: list[tuple[int, float, float]]) -> Row:
    prices = [price for _, price, _ in sales]
    notional = sum(Decimal(price) * Decimal(volume) for _, price, volume in sales)
    volume = sum(volume for *_, volume in sales)
    return {
        "start": moment(begin),
        "end": moment(end),
        "dt": moment(begin).date().isoformat(),
        "open": prices[0],
        "high": max(prices),
        "low": min(prices),
        "close": prices[-1],
        "volume": volume,
        "notional": notional,
        "vwap": float(notional) / volume if volume else None,
        "ticks": len(sales),
        "first_at": moment(sales[0][0]),
        "last_at": moment(sales[-1][0]),
    }


def moment(micros: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=micros)


def sorted_rows(rows: list[Row]) -> list[Row]:
    exchange = ("exchange_date", "exchange_hour", "exchange_minute")
    plain = [{n: v for n, v in row.items() if n not in exchange} for row in rows]
    return sorted(plain, key=lambda row: (row["interval"], row["symbol"], row["start"]))


@settings(deadline=None, max_examples=80)
@given(trades(), cuttings())
def test_the_view_has_what_the_ticks_alone_say(tape: Columns, shares: Any) -> None:
    assert sorted_rows(viewed(tape, placed_at(tape, shares))) == sorted_rows(computed(tape))


def of_gaps(rows: list[Row]) -> list[tuple[str, str, int]]:
    """(dt, exchange's local time of the start, ticks) of the gap windows."""
    return [
        (row["dt"], f"{row['exchange_hour']}:{row['exchange_minute']:02}", row["ticks"])
        for row in sorted_rows_with_times(rows)
        if row["interval"] == "gap5m"
    ]


def sorted_rows_with_times(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (row["interval"], row["symbol"], row["start"]))


def test_a_late_tick_that_moves_a_start_to_the_day_before_leaves_no_older_revision_behind() -> None:
    """23:58 -- 00:01 UTC: the window stood under the second day, then begins on the first."""
    tape = ticks([{"price": 1, "timestamp": f"2025-02-01T{t}Z"} for t in ("00:01:00", "00:02:00")])
    late = ticks([{"price": 2, "timestamp": "2025-01-31T23:58:00Z"}], first=2)
    whole = Columns.joined([tape, late])
    assert of_gaps(viewed(whole, [2])) == [("2025-01-31", "18:58", 3)]


def test_a_late_tick_that_fills_a_silence_joins_two_windows() -> None:
    rows = [{"price": 1, "timestamp": at(seconds=s)} for s in (0, 500, 250)]
    assert [n for *_, n in of_gaps(viewed(ticks(rows), [1, 2]))] == [3]


def test_parts_that_only_touch_stay_two_windows() -> None:
    rows = [{"price": 1, "timestamp": at(seconds=s)} for s in (0, 300)]
    assert [n for *_, n in of_gaps(viewed(ticks(rows), [1]))] == [1, 1]
