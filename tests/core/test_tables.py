"""Columns to tables: the schema to the letter, and each row where it belongs."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from kcl_app.core.flow import Flow
from kcl_app.core.live import Live, Watermark
from kcl_app.core.schema import LIVE_BARS, TABLES
from kcl_app.core.tables import bars_to_arrow, live_to_arrow, placed, to_arrow
from tests.core.tape import decoded, flow, prices, rules, ticks


def tables(tape: Any, rejects: Any) -> Any:
    road = flow("1m", "1h")
    fed = road.feed(tape)
    bars = road.close(fed.ticks)
    return {
        "ticks": fed.ticks,
        "anomalies": fed.anomalies,
        "bars": bars.get("1m"),
        "rejects": rejects,
    }


@pytest.mark.parametrize("name", TABLES)
def test_rows_have_exactly_the_tables_schema(name: Any) -> None:
    columns = tables(prices(1, 2, volume=3), decoded(b"?").rejects)[name]
    table = to_arrow(name, columns, "shard-7")
    assert table.schema.equals(TABLES[name].arrow, check_metadata=True)
    table.validate(full=True)


@pytest.mark.parametrize("name", ["ticks", "anomalies", "rejects"])
def test_no_rows_have_the_schema_too(name: Any) -> None:
    table = to_arrow(name, tables(prices(), decoded(b"?").rejects.slice(0, 0))[name], "shard-7")
    assert table.num_rows == 0
    assert table.schema.equals(TABLES[name].arrow, check_metadata=True)


def test_what_is_missing_is_null_and_what_is_there_is_not() -> None:
    table = to_arrow("ticks", flow().feed(prices(1.5, volume=3, source="s")).ticks, "shard-7")
    row = table.to_pylist()[0]
    assert (row["price"], row["volume"], row["source"], row["shard"]) == (1.5, 3, "s", "shard-7")
    assert [row[n] for n in ("open", "sma_5", "id", "flags")] == [None] * 4
    assert row["timestamp"].isoformat() == "2025-01-31T14:30:00+00:00"


def test_rejects_keep_bytes_that_are_no_text() -> None:
    table = to_arrow("rejects", decoded(b"\xff\x00").rejects, "shard-7")
    assert table["data"].to_pylist() == [b"\xff\x00"]


def test_bars_of_all_intervals_lie_behind_a_column_that_names_them() -> None:
    road = flow("1m", "1h")
    bars = road.close(road.feed(prices(1, 2)).ticks)
    table = bars_to_arrow(bars, "shard-7")
    assert table.column_names[0] == "interval"
    assert table["interval"].to_pylist() == ["1m", "1h"]
    table.validate(full=True)


def test_no_bars_are_an_empty_table_of_the_same_columns() -> None:
    road = flow()
    full = bars_to_arrow(road.close(road.feed(prices(1)).ticks), "s")
    assert bars_to_arrow({}, "s").schema.equals(full.schema)


def test_ticks_are_placed_by_the_utc_date_of_the_event_and_sorted() -> None:
    rows = [
        ("B", "2025-02-01T00:00:00Z"),
        ("B", "2025-01-31T23:59:59Z"),
        ("A", "2025-02-01T07:00:00Z"),
        ("A", "2025-02-01T06:00:00Z"),
    ]
    tape = ticks({"symbol": s, "timestamp": t, "price": n + 1} for n, (s, t) in enumerate(rows))
    split = placed("ticks", flow().feed(tape).ticks)
    assert {dt: rows["price"].tolist() for dt, rows in split.items()} == {
        "2025-01-31": [2],
        "2025-02-01": [4, 3, 1],
    }


def test_ticks_of_one_instant_keep_their_order() -> None:
    tape = ticks({"price": n + 1, "timestamp": "2025-01-31T15:00:00Z"} for n in range(5))
    assert placed("ticks", tape)["2025-01-31"]["price"].tolist() == [1, 2, 3, 4, 5]


def test_rejects_are_placed_by_the_date_of_their_arrival() -> None:
    split = placed("rejects", decoded(b"?", b"!").rejects)
    assert {dt: rows["data"].tolist() for dt, rows in split.items()} == {"2025-01-31": [b"?", b"!"]}


def test_a_date_before_1970_or_far_ahead_is_spelled_out() -> None:
    tape = ticks(
        [
            {"price": 1, "timestamp": "1990-01-01T00:00:00Z"},
            {"price": 2, "timestamp": "2099-12-31T23:59:59Z"},
        ]
    )
    assert list(placed("ticks", tape)) == ["1990-01-01", "2099-12-31"]


def test_a_table_that_is_not_ours_is_an_error() -> None:
    with pytest.raises(KeyError):
        to_arrow("trades", prices(1), "s")


def test_text_of_parts_is_plain_utf8() -> None:
    road = flow()
    table = to_arrow("bars", road.close(road.feed(prices(1)).ticks)["1m"], "s")
    assert table.schema.field("part").type == pa.string()
    assert table["part"].to_pylist()[0].endswith("-0000000000-0000000")


def test_live_bars_have_their_own_table() -> None:
    mark = Watermark(5_000_000, 60_000_000)
    live = Flow("shard-0", replace(rules("1m", "1h"), watermark=mark)).feed(prices(1, 2)).live
    table = live_to_arrow(live, "shard-0")
    assert table.schema.equals(LIVE_BARS.arrow, check_metadata=True)
    assert table["interval"].to_pylist() == ["1m", "1h"]
    assert table["closed"].to_pylist() == [False, False]
    assert table["sequence"].to_pylist() == [f"{4951:056d}"] * 2


def test_without_live_bars_their_table_is_empty() -> None:
    assert live_to_arrow(Live(), "shard-0").schema.equals(LIVE_BARS.arrow, check_metadata=True)
