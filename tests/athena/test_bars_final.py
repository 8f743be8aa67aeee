"""The view of bars against the rule it states, written again in plain Python."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from athena.library import VIEWS
from athena.local import NAMES
from athena.macros import MACROS
from athena.objects import schema_of
from athena.translate import translate
from kcl_app.core.schema import TABLES
from tests.athena.lake import at, bar

START = "2025-03-10T14:00:00"
Row = dict[str, Any]


@st.composite
def a_revision(draw: st.DrawFn) -> Row:
    cents = st.integers(1, 10_000).map(lambda n: n / 100)
    volume = draw(st.integers(0, 5))
    first = at(START) + dt.timedelta(seconds=draw(st.integers(0, 5)))
    last = first + dt.timedelta(seconds=draw(st.integers(0, 5)))
    row = bar(draw(st.sampled_from("AB")), START, draw(cents))
    row |= {"open": draw(cents), "close": draw(cents), "low": draw(cents), "volume": float(volume)}
    row |= {"notional": Decimal(volume) * draw(st.integers(1, 9)), "first_at": first}
    row |= {"last_at": last, "part": draw(st.sampled_from("123")), "ticks": draw(st.integers(1, 9))}
    return row | {"revision": draw(st.integers(1, 4)), "interval": "1m", "dt": "2025-03-10"}


def one_a_revision(rows: list[Row]) -> list[Row]:
    return list({(r["symbol"], r["part"], r["revision"]): r for r in rows}.values())


def by_symbol(rows: Iterable[Row]) -> dict[str, list[Row]]:
    ordered = sorted(rows, key=lambda r: str(r["symbol"]))
    return {symbol: list(some) for symbol, some in groupby(ordered, key=lambda r: str(r["symbol"]))}


def stated(rows: list[Row]) -> Row:
    """The value of one symbol's window by the rule."""
    newest: dict[str, Row] = {}
    for row in sorted(rows, key=lambda r: int(r["revision"])):
        newest[row["part"]] = row
    parts = list(newest.values())
    volume = sum(p["volume"] for p in parts)
    notional = sum((p["notional"] for p in parts), Decimal(0))
    return {
        "open": min(parts, key=lambda p: (p["first_at"], p["part"]))["open"],
        "high": max(p["high"] for p in parts),
        "low": min(p["low"] for p in parts),
        "close": max(parts, key=lambda p: (p["last_at"], p["part"]))["close"],
        "volume": volume,
        "notional": notional,
        "vwap": float(notional) / volume if volume else None,
        "ticks": sum(p["ticks"] for p in parts),
    }


def viewed(rows: list[Row]) -> dict[str, Row]:
    table = pa.Table.from_pylist(rows, schema_of(TABLES["bars"]))
    with duckdb.connect(":memory:", config={"integer_division": "true"}) as base:
        for macro in MACROS:
            base.execute(f"create macro {macro}")
        base.register("bars", table)
        final = base.sql(translate(VIEWS["bars_final"], NAMES)).to_arrow_table().to_pylist()
    columns = ("open", "high", "low", "close", "volume", "notional", "vwap", "ticks")
    assert len({row["symbol"] for row in final}) == len(final)
    return {row["symbol"]: {c: row[c] for c in columns} for row in final}


@settings(deadline=None, max_examples=50)
@given(st.lists(a_revision(), min_size=1, max_size=12).map(one_a_revision))
def test_a_window_is_the_newest_of_each_part_put_together(rows: list[Row]) -> None:
    assert viewed(rows) == {symbol: stated(some) for symbol, some in by_symbol(rows).items()}
