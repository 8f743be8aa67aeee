"""Files of every kind become ticks; a file that cannot be read is answered with one sentence."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kcl_app.core.decode import Decoder
from kcl_app.core.records import Records
from producer.replay import ReplaySource
from producer.source import SourceError, Ticks

DATA = Path(__file__).parents[3] / "shared" / "data"
BARS = (
    "timestamp_ms,open,high,low,close,vwap,volume\n"
    "1720446300000,47.4,47.4,47.4,47.4,47.3972,24828\n"
    "1720446360000,47.2,47.495,47.2,47.45,47.3064,11712\n"
)
SW = [
    {"symbol": "SW", "timestamp": "2024-07-08T13:45:00Z", "price": 47.4, "open": 47.4,
     "high": 47.4, "low": 47.4, "volume": 24828.0, "kind": "bar", "source": "replay"},
    {"symbol": "SW", "timestamp": "2024-07-08T13:46:00Z", "price": 47.45, "open": 47.2,
     "high": 47.495, "low": 47.2, "volume": 11712.0, "kind": "bar", "source": "replay"},
]  # fmt: skip


def rows(*paths: Path, **settings: Any) -> list[dict[str, Any]]:
    source = ReplaySource([str(path) for path in paths], **settings)
    return [dict(row) for ticks in source.batches() for row in ticks.rows]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def plain(path: Path, text: str) -> None:
    path.write_text(text)


def gzipped(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode()))


def zipped(path: Path, text: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inside.csv", text)


def json_lines(text: str) -> str:
    table = pl.read_csv(text.encode())
    return "".join(json.dumps(row) + "\n" for row in table.to_dicts())


def parquet(path: Path, text: str) -> None:
    pl.read_csv(text.encode()).write_parquet(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("SW.csv", plain),
        ("SW.csv.gz", gzipped),
        ("SW.csv.zip", zipped),
        ("SW.zip", zipped),
        ("SW.CSV", plain),
        ("SW.jsonl", lambda path, text: plain(path, json_lines(text))),
        ("SW.ndjson", lambda path, text: plain(path, json_lines(text))),
        ("SW.jsonl.gz", lambda path, text: gzipped(path, json_lines(text))),
        ("SW.parquet", parquet),
        ("SW.tsv", lambda path, text: plain(path, text.replace(",", "\t"))),
        ("SW.csv", lambda path, text: plain(path, text.replace(",", ";"))),
        ("SW.csv", lambda path, text: plain(path, "\ufeff" + text)),
        ("SW.csv", lambda path, text: plain(path, text.replace("\n", "\r\n"))),
        ("SW.csv", lambda path, text: plain(path, text.replace("\n", "\n\n") + "\n")),
    ],
)
def test_the_same_rows_come_of_every_kind_of_file(
    tmp_path: Path, name: str, write: Callable[[Path, str], None]
) -> None:
    write(tmp_path / name, BARS)
    assert rows(tmp_path / name) == SW


def test_a_symbols_dot_is_kept(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "BRK.B.csv", BARS))[0]["symbol"] == "BRK.B"


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("ticker,ts,last", "AA,1720446300,1.5", {"symbol": "AA", "price": 1.5, "kind": "trade"}),
        ("Name,Date,Close", "AA,2024-07-08,1.5", {"symbol": "AA", "price": 1.5}),
        ("Date,Time,Price,Size", "2024-07-08,13:45,1.5,7", {"price": 1.5, "volume": 7.0}),
        ("timestamp,value", "2024-07-08 13:45:00,3", {"price": 3.0, "kind": "trade"}),
        ("datetime,price,Prev Close", "2024-07-08T13:45Z,3,2", {"previous_close": 2.0,
                                                                "kind": "quote"}),
        ("ts,high,low", "2024-07-08 09:45:00-04:00,3,2", {"high": 3.0, "low": 2.0, "kind": "bar"}),
        ("time,price,kind,source", "1720446300,3,quote,desk", {"kind": "quote", "source": "desk"}),
    ],
)  # fmt: skip
def test_columns_are_recognised(
    tmp_path: Path, header: str, row: str, expected: dict[str, Any]
) -> None:
    (found,) = rows(written(tmp_path, "SYM.csv", f"{header}\n{row}\n"))
    assert found.items() >= {"symbol": "SYM", "source": "replay", **expected}.items()
    assert found["timestamp"] in ("2024-07-08T13:45:00Z", "2024-07-08T00:00:00Z")


def test_the_bar_of_the_first_original_has_no_price(tmp_path: Path) -> None:
    text = "name,ts,high,low\nFB,2021-11-30 09:30:00-05:00,330.5,329.5\n"
    assert rows(written(tmp_path, "x.csv", text)) == [
        {"symbol": "FB", "timestamp": "2021-11-30T14:30:00Z", "high": 330.5, "low": 329.5,
         "kind": "bar", "source": "replay"}
    ]  # fmt: skip


def test_a_column_can_be_mapped(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "when,mid,close\n1720446300,2.5,9\n")
    (row,) = rows(path, map={"timestamp": "when", "price": "mid"})
    assert row["price"] == 2.5


def test_symbol_and_kind_can_be_given(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "symbol,time,price\nAA,1720446300,1\n")
    (row,) = rows(path, symbol="ZZ", kind="quote")
    assert (row["symbol"], row["kind"]) == ("ZZ", "quote")


def test_a_file_without_a_header_can_be_named_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "AA.csv", "1720446300,1.5\n1720446301,1.6\n")
    assert [row["price"] for row in rows(path, header=["time", "price"])] == [1.5, 1.6]


def test_naive_times_are_of_the_zone_given(tmp_path: Path) -> None:
    path = written(tmp_path, "AA.csv", "time,price\n2024-07-08 09:45,1\n")
    (row,) = rows(path, timezone="America/New_York")
    assert row["timestamp"] == "2024-07-08T13:45:00Z"


def test_quoted_fields_may_hold_delimiters_and_line_ends(tmp_path: Path) -> None:
    path = written(tmp_path, "AA.csv", 'note,time,price\n"a, b\nc",1720446300,1\n')
    assert [row["price"] for row in rows(path)] == [1.0]


def test_columns_that_are_no_field_are_said(tmp_path: Path) -> None:
    source = ReplaySource([str(written(tmp_path, "SW.csv", BARS))])
    said: list[str] = []
    source.say = said.append
    list(source.batches())
    assert said == ["SW.csv: columns not sent: vwap"]


@pytest.mark.parametrize("stamp", [pa.timestamp("ns", "UTC"), pa.timestamp("ms"), pa.date32()])
def test_parquets_own_times_are_understood(tmp_path: Path, stamp: pa.DataType) -> None:
    moment = datetime(2024, 7, 8, tzinfo=UTC)
    given = moment.date() if stamp == pa.date32() else moment
    if stamp == pa.timestamp("ms"):
        given = moment.replace(tzinfo=None)
    table = pa.table({"time": pa.array([given], stamp), "price": pa.array([1.5])})
    pq.write_table(table, tmp_path / "AA.parquet")
    assert rows(tmp_path / "AA.parquet")[0]["timestamp"] == "2024-07-08T00:00:00Z"


# What makes no sense goes out all the same, for the application to reject.


def decoded(found: list[dict[str, Any]]) -> Any:
    data = [json.dumps({**row, "id": "x"}).encode() for row in found]
    many = len(data)
    records = Records([str(n) for n in range(many)], [0] * many, [0] * many, ["k"] * many, data)
    return Decoder("America/New_York", 1990, 2099).decode(records)


@pytest.mark.parametrize("price", ["", "NaN", "inf", "-5", "null", "n/a"])
def test_a_price_that_makes_no_sense_is_sent_and_rejected_there(tmp_path: Path, price: str) -> None:
    found = rows(written(tmp_path, "AA.csv", f"time,close,high,low\n1720446300,{price},3,1\n"))
    assert len(found) == 1
    judged = decoded(found)
    assert (judged.ticks.size, judged.rejects.size) == (0, 1)
    assert "price" in judged.rejects["reason"][0]


def test_a_null_price_in_json_or_parquet_is_not_taken_for_a_bars_middle(tmp_path: Path) -> None:
    row = {"time": 1720446300, "close": None, "high": 3.0, "low": 1.0}
    paths = [written(tmp_path, "AA.jsonl", json.dumps(row)), tmp_path / "AA.parquet"]
    pl.DataFrame([row], schema_overrides={"close": pl.Float64}).write_parquet(paths[1])
    for path in paths:
        assert decoded(rows(path)).rejects.size == 1


def test_missing_optional_values_are_left_out(tmp_path: Path) -> None:
    path = written(
        tmp_path, "AA.csv", "time,price,volume,open\n1720446300,2,,NaN\n1720446301,3,5,2\n"
    )
    first, second = rows(path)
    assert set(first) == {"symbol", "timestamp", "price", "kind", "source"}
    assert (second["volume"], second["open"]) == (5.0, 2.0)


def test_an_empty_symbol_is_sent_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, "AA.csv", "symbol,time,price\n,1720446300,2\n")
    found = rows(path)
    assert found[0]["symbol"] == ""
    assert decoded(found).rejects.size == 1


def test_a_year_nobody_trades_in_is_sent(tmp_path: Path) -> None:
    path = written(tmp_path, "AA.csv", "time,price\n0001-01-01T00:00Z,2\n9999-12-31T00:00Z,2\n")
    assert [row["timestamp"][:4] for row in rows(path)] == ["0001", "9999"]


def test_what_replay_sends_is_what_the_application_accepts(tmp_path: Path) -> None:
    judged = decoded(rows(written(tmp_path, "SW.csv", BARS)))
    assert judged.ticks["price"].tolist() == [47.4, 47.45]
    assert judged.ticks["kind"].tolist() == ["bar", "bar"]


# What cannot be read is refused.


def sentence(path: Path, **settings: Any) -> str:
    """The sentence for a file that cannot be read, from the file's name on."""
    with pytest.raises(SourceError) as wrong:
        rows(path, **settings)
    return str(wrong.value).removeprefix(f"{path.parent}/")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", "", "a.csv: the file is empty"),
        ("a.csv", "\n", "a.csv, line 1: no column names stand there; give them with"),
        ("a.csv", "1,2\n", "a.csv, line 1: no column names stand there"),
        ("a.csv", "time,time,price\n", "a.csv, line 1: column time stands there twice"),
        ("a.csv", "time,prize\n1,2\n", "a.csv: no column for price; the file has time, prize; say "
                                       "--map price=COLUMN"),
        ("a.csv", "when,price\n1,2\n", "a.csv: no column for timestamp; the file has when, price"),
        ("a.csv", "time,price\n1,2\n1,abc\n", "a.csv, line 3, column price: 'abc' is not a number"),
        ("a.csv", "time,price\n1,1_000\n", "a.csv, line 2, column price: '1_000' is not a number"),
        ("a.csv", "time,price,volume\n1,2,many\n", "a.csv, line 2, column volume: 'many' is not"),
        ("a.csv", "time,price\n1,2\nsoon,3\n", "a.csv, line 3, column time: 'soon' is not a time"),
        ("a.csv", "time,price\n,3\n", "a.csv, line 2, column time: '' is not a time"),
        ("a.csv", "time,price\n1,2\n\n1,2,3\n", "a.csv, line 4: 3 fields where the header has 2"),
        ("a.csv", "time,price\n1\n", "a.csv, line 2: 1 fields where the header has 2"),
        ("a.csv", 'time,price\n1,"2\n', "a.csv, line 2: not CSV: unexpected end of data"),
        ("a.jsonl", '{"time":1,"price":2}\n{"time":', "a.jsonl, line 2: not JSON: Input data was"),
        ("a.jsonl", "[1]\n", "a.jsonl, line 1: not a JSON object; write one a line"),
        ("a.jsonl", '{"time":1,"price":"x"}', "a.jsonl, line 1, column price: 'x' is not a number"),
        ("a.jsonl", '{"time":1,"price":true}', "a.jsonl, line 1, column price: 'True' is not a"),
        ("a.jsonl", '{"time":1,"price":2}\n\n{"price":2}', "a.jsonl, line 3, column time:"),
        ("a.jsonl", '{"time":1,"price":[2]}', "a.jsonl, line 1, column price: '[2]' is not a"),
        ("a.parquet", "PAR1 not", "a.parquet: not Parquet, or damaged"),
        ("a.xlsx", "x", "a.xlsx: no kind of file that replay reads; those are .csv"),
        ("a_trade", "x", "a_trade: no kind of file that replay reads"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_answered_with_file_line_and_column(
    tmp_path: Path, name: str, text: str, expected: str
) -> None:
    assert sentence(written(tmp_path, name, text)).startswith(expected)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for name in ("a.csv", "a.csv.gz", "a.zip", "a.parquet"):
        assert sentence(tmp_path / name) == f"{name}: there is no such file"


def test_a_file_that_is_not_utf_8_is_said_with_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"time,price\n1,2\n1,\xff\n")
    assert sentence(path) == "a.csv, line 3, byte 3: not UTF-8; convert the file first"


def test_a_file_that_is_not_gzip_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, "a.csv.gz", BARS)
    assert sentence(path).startswith("a.csv.gz: not gz, or damaged or cut short")


def test_a_gzip_file_cut_short_is_said_with_the_last_good_line(tmp_path: Path) -> None:
    path = tmp_path / "SW.csv.gz"
    text = BARS + "".join(f"{1720446360000 + n},1,1,1,1,1,{n * 7919}\n" for n in range(20_000))
    gzipped(path, text)
    path.write_bytes(path.read_bytes()[:-50])
    assert "SW.csv.gz, after line " in sentence(path)


def test_a_damaged_zip_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "SW.zip"
    zipped(path, BARS * 100)
    body = bytearray(path.read_bytes())
    body[60] ^= 0xFF
    path.write_bytes(bytes(body))
    assert "not zip, or damaged or cut short" in sentence(path)


def test_a_zip_file_of_two_is_said(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", BARS)
        archive.writestr("b.csv", BARS)
    assert sentence(tmp_path / "a.zip") == "a.zip: holds 2 files; replay reads a zip file of one"


def test_an_endless_line_is_refused_within_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"time,price\n" + b"1" * (17 * 1024 * 1024)))
    assert sentence(path) == "a.csv.gz, line 2: longer than 16,777,216 bytes"


def test_one_unreadable_file_is_refused_before_any_other_is_sent(tmp_path: Path) -> None:
    good, bad = written(tmp_path, "a.csv", BARS), written(tmp_path, "b.csv", "when,price\n1,2\n")
    with pytest.raises(SourceError, match=r"b\.csv: no column for timestamp"):
        next(ReplaySource([str(good), str(bad)]).batches())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"kind": "candle"}, "kind = candle: one of quote, trade, bar"),
        ({"limit": -1}, "limit = -1: must not be negative"),
        ({"map": {"prize": "x"}}, "--map prize: no such field; fields: timestamp, symbol"),
        ({"timezone": "Mars"}, "timezone = Mars: no IANA time zone"),
    ],
)
def test_a_wrong_setting_is_answered_with_a_sentence(
    settings: dict[str, Any], expected: str
) -> None:
    with pytest.raises(SourceError, match=expected):
        ReplaySource(["a.csv"], **settings)


def test_a_mapped_column_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, "SW.csv", BARS)
    assert sentence(path, map={"price": "mid"}).startswith(
        "SW.csv: there is no column mid; the file has timestamp_ms, open"
    )


# Several files, and how much of them.


def tape(folder: Path, symbol: str, *times: int) -> Path:
    body = "".join(f"{1720446300 + time},{time}\n" for time in times)
    return written(folder, f"{symbol}.csv", "time,price\n" + body)


def order(found: list[dict[str, Any]]) -> list[str]:
    return [f"{row['symbol']}{row['price']:.0f}" for row in found]


def test_files_are_merged_by_event_time_and_ties_by_their_order(tmp_path: Path) -> None:
    a, b = tape(tmp_path, "A", 1, 3, 5), tape(tmp_path, "B", 1, 2, 5, 6)
    assert order(rows(a, b)) == ["A1", "B1", "B2", "A3", "A5", "B5", "B6"]
    assert order(rows(b, a)) == ["B1", "A1", "B2", "A3", "B5", "A5", "B6"]


def test_a_late_row_keeps_its_place_in_its_file(tmp_path: Path) -> None:
    a, b = tape(tmp_path, "A", 1, 5, 2, 6), tape(tmp_path, "B", 3, 6)
    assert order(rows(a, b)) == ["A1", "B3", "A5", "A2", "A6", "B6"]


def test_long_files_are_merged_in_pieces(tmp_path: Path) -> None:
    a = tape(tmp_path, "A", *range(0, 40_000, 2))
    b = tape(tmp_path, "B", *range(1, 20_000, 2))
    batches: list[Ticks] = list(ReplaySource([str(a), str(b)]).batches())
    found = [row["price"] for ticks in batches for row in ticks.rows]
    assert found == sorted([*range(0, 40_000, 2), *range(1, 20_000, 2)])
    assert max(map(len, batches)) <= 2 * 8192


def test_a_limit_ends_the_tape(tmp_path: Path) -> None:
    a, b = tape(tmp_path, "A", 1, 3, 5), tape(tmp_path, "B", 1, 2, 5, 6)
    assert order(rows(a, b, limit=3)) == ["A1", "B1", "B2"]


def test_a_file_of_a_header_alone_adds_nothing(tmp_path: Path) -> None:
    empty = written(tmp_path, "E.csv", "time,price\n")
    assert order(rows(empty, tape(tmp_path, "A", 1))) == ["A1"]


# Real files.


def shared(*parts: str) -> Path:
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the market data folder {DATA.name} is not beside the project: {parts[-1]}")
    return path


def test_real_minute_bars_come_whole_and_in_order() -> None:
    paths = [shared("minute", "SW.csv.gz"), shared("minute", "CPAY.csv.gz")]
    found = pl.DataFrame(rows(*paths))
    assert found.height == 99_746
    assert found["timestamp"].is_sorted()
    expected = duckdb.execute(
        "select count(*), sum(close), sum(volume) from read_csv($paths)",
        {"paths": [str(path) for path in paths]},
    ).fetchone()
    assert expected is not None
    count, close, volume = expected
    assert found["price"].sum() == pytest.approx(close, rel=1e-12)
    assert (found.height, found["volume"].sum()) == (count, volume)


def test_real_trades_of_the_lean_engine_are_recognised() -> None:
    found = rows(shared("trades", "aig_20131007_trade.zip"), limit=2)
    assert found == [
        {"symbol": "AIG", "timestamp": "2013-10-07T08:00:00.688Z", "price": 49.18,
         "volume": 300.0, "kind": "trade", "source": "replay"},
        {"symbol": "AIG", "timestamp": "2013-10-07T08:03:01.540Z", "price": 48.87,
         "volume": 2000.0, "kind": "trade", "source": "replay"},
    ]  # fmt: skip


def test_a_wrong_trade_of_the_lean_engine_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "aig_20131007_trade.zip"
    zipped(path, "14400688,491800,300,P,2000,0\n14400688,49.18,300,P,2000,0\n")
    assert sentence(path).endswith("line 2, column price: '49.18' is not a whole number")


def test_real_benchmark_series_take_their_symbol_from_the_file() -> None:
    found = rows(shared("nab", "realTweets", "Twitter_volume_AAPL.csv.gz"), limit=1)
    assert found == [
        {"symbol": "Twitter_volume_AAPL", "timestamp": "2015-02-26T21:42:53Z", "price": 104.0,
         "kind": "trade", "source": "replay"}
    ]  # fmt: skip
