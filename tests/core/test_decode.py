"""What becomes a tick, what a reject, and what the reject says."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.core.decode import Decoder
from kcl_app.core.records import Records
from tests.core.tape import DECODER, at, bits, decoded, micros, records

GOOD = {"symbol": "AMZN", "timestamp": "2025-01-31T15:04:05Z", "price": 237.5}


def reason(line: Any) -> Any:
    """Why the line is rejected; it must be the only row."""
    got = decoded(line)
    assert (got.ticks.size, got.rejects.size) == (0, 1)
    raw = line if isinstance(line, bytes) else json.dumps(line).encode()
    assert got.rejects["data"][0] == raw
    return got.rejects["reason"][0]


def test_a_quote_keeps_all_its_figures() -> None:
    quote = {
        **GOOD,
        "open": 236.5,
        "high": 240.25,
        "low": 236.0,
        "previous_close": 234.75,
        "change": 2.75,
        "change_percent": 1.171,
        "volume": 1_234_567,
        "source": "yahoo",
        "id": "run-7",
    }
    tick = {name: column[0] for name, column in decoded(quote).ticks.items()}
    assert tick["kind"] == "quote"
    assert {name: tick[name] for name in quote if name != "timestamp"} == {
        name: value for name, value in quote.items() if name != "timestamp"
    }
    assert tick["timestamp"] == micros("2025-01-31T15:04:05+00:00")
    assert (tick["exchange_hour"], tick["exchange_minute"]) == (10, 4)
    assert str(np.datetime64(int(tick["exchange_date"]), "D")) == "2025-01-31"


def test_a_row_of_name_ts_high_and_low_is_a_bar_priced_in_its_middle() -> None:
    got = decoded({"name": "FB", "ts": "2021-11-30 09:30:00-05:00", "high": 334.0, "low": 330.0})
    assert got.ticks["symbol"][0] == "FB"
    assert got.ticks["price"][0] == 332.0
    assert got.ticks["kind"][0] == "bar"
    assert got.ticks["exchange_hour"][0] == 9


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({}, "trade"),
        ({"volume": 100}, "trade"),
        ({"high": 2, "low": 1}, "bar"),
        ({"previous_close": 2}, "quote"),
        ({"previous_close": 2, "high": 2, "low": 1}, "quote"),
        ({"previous_close": 2, "kind": "trade"}, "trade"),
        ({"high": 2, "low": 1, "kind": None}, "bar"),
    ],
)
def test_the_kind_follows_from_the_fields_unless_it_is_given(more: Any, kind: Any) -> None:
    assert decoded({**GOOD, **more}).ticks["kind"][0] == kind


def test_null_means_missing() -> None:
    got = decoded(
        {**GOOD, "symbol": None, "ticker": "T", "price": None, "close": 5, "volume": None}
    )
    assert got.ticks["symbol"][0] == "T"
    assert got.ticks["price"][0] == 5.0
    assert np.isnan(got.ticks["volume"][0])
    assert got.ticks["source"][0] is None


def test_symbols_that_differ_in_case_are_two() -> None:
    got = decoded({**GOOD, "symbol": "BRK.B"}, {**GOOD, "symbol": "brk.b"})
    assert got.ticks["symbol"].tolist() == ["BRK.B", "brk.b"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"{", "not JSON"),
        (b"tick!", 'the line begins "tick!"'),
        (b"\xff\xfe{}", "not UTF-8: byte 0xff at 0"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b"x" * 1_000_000, "not JSON"),
        (b"\xff" * 1_000_000, "not UTF-8"),
        (b"[1]", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b'"AMZN"', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"true", "not a JSON object"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"symbol":"A","more":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"symbol":"\\ud800","price":1}', "not JSON"),
        ({"timestamp": at(), "price": 1}, "symbol is missing: give symbol or ticker or name"),
        ({**GOOD, "symbol": 7}, "symbol is 7: it must be text"),
        ({**GOOD, "symbol": ""}, 'symbol is "": it must not be empty'),
        ({**GOOD, "symbol": "  "}, "must not be empty"),
        ({**GOOD, "symbol": "X" * 300}, "(302 characters): at most 64 characters"),
        ({**GOOD, "symbol": "A\n"}, 'symbol is "A\\n": no control characters'),
        ({**GOOD, "symbol": "A\0"}, "no control characters"),
        ({**GOOD, "symbol": " A"}, "no blanks around it"),
        ({"symbol": "A", "price": 1}, "timestamp is missing"),
        ({**GOOD, "timestamp": True}, "timestamp is true: it must be text or a number"),
        ({**GOOD, "timestamp": []}, "timestamp is []: it must be text or a number"),
        ({**GOOD, "timestamp": "yesterday"}, 'timestamp is "yesterday": it must be ISO 8601'),
        ({**GOOD, "timestamp": "2025-01-31T15:04:05"}, "it has no zone: add Z or an offset"),
        ({**GOOD, "timestamp": "2025-02-29T15:04:05Z"}, "there is no such date or time"),
        ({**GOOD, "timestamp": "0001-01-01T00:00:00Z"}, "the year must lie in 1990 to 2099"),
        ({**GOOD, "timestamp": "9999-12-31T23:59:59Z"}, "the year must lie in 1990 to 2099"),
        ({**GOOD, "timestamp": "1989-12-31T23:59:59Z"}, "the year must lie in 1990 to 2099"),
        ({**GOOD, "timestamp": "2100-01-01T00:00:00Z"}, "the year must lie in 1990 to 2099"),
        ({**GOOD, "timestamp": 5}, "timestamp is 5: the year must lie in 1990 to 2099"),
        ({**GOOD, "timestamp": -(10**30)}, "the year must lie in 1990 to 2099"),
        (b'{"symbol":"A","price":1,"ts":' + b"9" * 400 + b"}", "the year must lie"),
        (b'{"symbol":"A","price":1,"ts":1e400}', "ts is Infinity: it must be text or a number"),
        ({"symbol": "A", "timestamp": at()}, "price is missing: give price or close"),
        ({"symbol": "A", "timestamp": at(), "high": 2}, "price is missing"),
        ({**GOOD, "price": "237.5"}, 'price is "237.5": it must be a number'),
        ({**GOOD, "price": True}, "price is true: it must be a number"),
        ({**GOOD, "price": {"amount": 1}}, 'price is {"amount": 1}: it must be a number'),
        ({**GOOD, "price": float("nan")}, "price is NaN: not a finite number"),
        ({**GOOD, "price": float("inf")}, "price is Infinity: not a finite number"),
        ({**GOOD, "price": float("-inf")}, "price is -Infinity: not a finite number"),
        ({**GOOD, "extra": float("nan")}, "a value is NaN: not a finite number"),
        (b'{"symbol":"A","ts":1720446300000,"price":1e999}', "price is Infinity: it must be"),
        ({**GOOD, "price": 0}, "price is 0: it must lie from 1e-8 to below 1e9"),
        ({**GOOD, "price": -1.5}, "price is -1.5: it must lie from 1e-8"),
        ({**GOOD, "price": 1e9}, "price is 1000000000: it must lie"),
        ({**GOOD, "high": -1}, "high is -1: it must lie from 0"),
        ({**GOOD, "high": 1, "low": 2}, "high is 1: it lies below low, 2"),
        ({**GOOD, "high": 2, "low": 0}, "of a bar is 0: it must be above zero"),
        ({**GOOD, "volume": -4}, "volume is -4: it must lie from 0 to below 9e12"),
        ({**GOOD, "volume": "many"}, 'volume is "many": it must be a number'),
        ({**GOOD, "volume": 1e13}, "volume is 1e+13: it must lie"),
        ({**GOOD, "price": 9e8, "volume": 8e12}, "price * volume is 7.2e+21"),
        ({**GOOD, "kind": "tick"}, 'kind is "tick": it must be quote, trade, bar'),
        ({**GOOD, "source": "s" * 129}, "source is"),
        ({**GOOD, "id": "i" * 129}, "id is"),
    ],
)
def test_a_bad_line_is_one_reject_with_its_bytes_and_reason(line: Any, words: Any) -> None:
    assert words in reason(line)


def test_a_reject_keeps_where_it_came_from() -> None:
    got = DECODER.decode(Records(["77", "78"], [0, 3], [5_000, 6_000], ["k", "l"], [b"{}", b"?"]))
    row = {name: column.tolist() for name, column in got.rejects.items()}
    assert row["sequence"] == ["77", "78"]
    assert row["sub_sequence"] == [0, 3]
    assert row["arrival"] == [5_000_000, 6_000_000]
    assert row["partition_key"] == ["k", "l"]
    assert row["record"] == [0, 1]


def test_a_bad_line_among_many_takes_nothing_with_it() -> None:
    lines = [json.dumps(GOOD).encode(), b"?", b"", json.dumps({**GOOD, "price": 0}).encode()]
    got = decoded(b"{}", b"\n".join([*lines, json.dumps(GOOD).encode(), b""]), GOOD)
    assert list(zip(got.ticks["record"], got.ticks["line"], strict=True)) == [
        (1, 0),
        (1, 4),
        (2, 0),
    ]
    assert list(zip(got.rejects["record"], got.rejects["line"], strict=True)) == [
        (0, 0),
        (1, 1),
        (1, 3),
    ]
    assert got.rejects["data"].tolist() == [b"{}", b"?", lines[3]]


def test_garbage_is_one_reject_whatever_line_ends_it_holds() -> None:
    garbage = b"\x8b\x00\n5\n\xff\n\n{\n"
    got = decoded(garbage)
    assert got.rejects["data"].tolist() == [garbage]
    assert "not UTF-8: byte 0x8b at 0" in got.rejects["reason"][0]


def test_a_broken_line_among_objects_takes_none_of_them_along() -> None:
    got = decoded(b"\n".join([b"\xff", json.dumps(GOOD).encode()]))
    assert (got.ticks.size, got.rejects["data"].tolist()) == (1, [b"\xff"])


def test_an_object_written_over_many_lines_is_one_tick() -> None:
    assert decoded(json.dumps(GOOD, indent=2).encode()).ticks.size == 1


def test_an_invalid_object_written_over_many_lines_is_one_reject() -> None:
    assert "price is missing" in reason(json.dumps({**GOOD, "price": None}, indent=2).encode())


def test_no_records_are_no_rows_in_the_same_columns() -> None:
    empty, one = DECODER.decode(records([])), decoded(GOOD, b"?")
    assert empty.ticks.size == empty.rejects.size == 0
    assert {n: c.dtype for n, c in empty.ticks.items()} == {
        n: c.dtype for n, c in one.ticks.items()
    }
    assert {n: c.dtype for n, c in empty.rejects.items()} == {
        n: c.dtype for n, c in one.rejects.items()
    }


def test_the_years_are_a_setting() -> None:
    narrow = Decoder("America/New_York", 2024, 2024)
    assert narrow.decode(records([json.dumps(GOOD).encode()])).rejects.size == 1


_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text("aZ7 \n\0é\u2028", max_size=4)
    | st.sampled_from([[], {}, [1], {"a": None}, "trade", "quote", 0, -1, 1e-9, 1e300])
)
_objects = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("symbol", "ts", "price", "high", "low", "volume", "kind", "id", "open"), _values
    ),
).map(lambda more: json.dumps({**GOOD, **more}).encode())


@given(st.lists(st.binary(max_size=40) | _objects, max_size=20))
def test_every_line_is_a_tick_or_a_reject_whatever_it_holds(data: Any) -> None:
    got = DECODER.decode(records(data))
    lines = [
        (record, line)
        for rows in (got.ticks, got.rejects)
        for record, line in zip(rows["record"], rows["line"], strict=True)
    ]
    assert len(set(lines)) == len(lines)
    assert {record for record, _ in lines} == set(range(len(data)))
    assert np.isfinite(got.ticks["price"]).all()


@given(st.lists(st.binary(max_size=40) | _objects, min_size=1, max_size=20))
def test_a_line_means_the_same_alone_and_in_company(data: Any) -> None:
    together = DECODER.decode(records(data))
    alone = [DECODER.decode(records(data).slice(n, n + 1)) for n in range(len(data))]
    assert together.rejects["reason"].tolist() == [
        reason for one in alone for reason in one.rejects["reason"]
    ]
    rows = [
        one.ticks.having(record=one.ticks["record"] + np.int32(n)) for n, one in enumerate(alone)
    ]
    assert bits(together.ticks) == bits(together.ticks.joined(rows))


@given(st.lists(st.one_of(st.none(), st.text(max_size=70), st.text("AB b\t\u00a0é.", max_size=4))))
def test_a_symbol_is_judged_alike_alone_and_among_others(symbols: Any) -> None:
    lines = [{"symbol": symbol, "timestamp": at(), "price": 1} for symbol in symbols]
    together = decoded(*lines)
    alone = [decoded(line) for line in lines]
    taken = [one.ticks["symbol"].tolist() for one in alone]
    assert together.ticks["symbol"].tolist() == [name for names in taken for name in names]
    reasons = [one.rejects["reason"].tolist() for one in alone]
    assert together.rejects["reason"].tolist() == [why for whys in reasons for why in whys]
