"""Ticks for tests: JSON records as producers write them, read by the real decoder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import strategies as st

from kcl_app.core.columns import Columns
from kcl_app.core.decode import Decoded, Decoder
from kcl_app.core.flow import Fed, Flow, Rules
from kcl_app.core.records import Records
from kcl_app.core.windows import window
from kcl_app.detect.rules import ChangeRule, TrendRule, ZScoreRule

OPENING = datetime(2025, 1, 31, 14, 30, tzinfo=UTC)
DECODER = Decoder("America/New_York", 1990, 2099)


def at(**later: float) -> str:
    """ISO text of the opening of 31 January 2025 in New York, and so much later."""
    return (OPENING + timedelta(**later)).isoformat()


def micros(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def records(data: Sequence[bytes], first: int = 0) -> Records:
    """Records one behind the other, the first at position ``first``."""
    count = len(data)
    return Records(
        sequences=[str(4950 + first + n) for n in range(count)],
        subs=[0] * count,
        arrivals=[1_738_333_800_000 + first + n for n in range(count)],
        keys=[f"key-{n}" for n in range(count)],
        data=list(data),
    )


def decoded(*lines: bytes | Mapping[str, Any]) -> Decoded:
    data = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
    return DECODER.decode(records(data))


def ticks(rows: Iterable[Mapping[str, Any]], first: int = 0) -> Columns:
    """Accepted ticks; a row without a symbol is of A, without a time of its place in seconds."""
    full = [
        {"symbol": "A", "timestamp": at(seconds=first + n), **row} for n, row in enumerate(rows)
    ]
    got = DECODER.decode(records([json.dumps(row).encode() for row in full], first))
    assert not got.rejects.size, list(got.rejects["reason"])
    return got.ticks


def prices(*values: float, **more: Any) -> Columns:
    return ticks({"price": value, **more} for value in values)


def rules(*intervals: str) -> Rules:
    return Rules(
        zone="America/New_York",
        windows=tuple(window(name) for name in intervals or ("1m",)),
        detectors=(ChangeRule(), ZScoreRule(), TrendRule()),
    )


def flow(*intervals: str) -> Flow:
    return Flow("shard-0", rules(*intervals))


def fed_in(flow: Flow, tape: Columns, cuts: Sequence[int]) -> list[Fed]:
    """What the flow says to the tape, cut before the given rows."""
    edges = [0, *sorted(cuts), tape.size]
    return [flow.feed(tape.slice(a, b)) for a, b in pairwise(edges)]


def bits(columns: Columns) -> dict[str, Any]:
    """Columns such that == is true for equal bits only."""
    return {
        name: column.tolist() if column.dtype == object else (column.dtype.str, column.tobytes())
        for name, column in columns.items()
    }


_price = st.integers(1, 2_000_000).map(lambda cents: cents / 100)
_near = st.integers(9_900, 10_100).map(lambda cents: cents / 100)


@st.composite
def tapes(draw: st.DrawFn, least: int = 0, most: int = 120) -> Columns:
    """Ticks of a few symbols and all kinds: late, equal, days apart, with totals that fall."""
    symbols = draw(st.sampled_from([["A"], ["A", "B", "a"], [f"S{n}" for n in range(30)]]))
    steps = st.sampled_from([-90_000, -61, -1, 0, 0, 1, 1, 2, 30, 61, 3_700, 90_000])
    kinds = st.sampled_from(["quote", "trade", "trade", "bar"])
    row = st.tuples(
        st.sampled_from(symbols),
        steps,
        st.one_of(_near, _near, _price),
        kinds,
        st.one_of(st.none(), st.integers(0, 5_000), st.sampled_from([0.5, 1e-6, 8e9])),
    )
    moment, rows = 0.0, []
    for symbol, step, price, kind, volume in draw(st.lists(row, min_size=least, max_size=most)):
        moment = max(moment + step, -500_000)
        rows.append(
            {
                "symbol": symbol,
                "timestamp": at(seconds=moment),
                "price": price,
                "kind": kind,
                "volume": volume,
                "high": price + 1 if kind == "bar" else None,
                "low": price / 2 if kind == "bar" else None,
            }
        )
    return ticks(rows)


def cuttings(most: int = 12) -> st.SearchStrategy[list[float]]:
    """Places to cut a tape at, as shares of its length."""
    return st.lists(st.floats(0, 1), max_size=most)


def placed_at(tape: Columns, shares: Sequence[float]) -> list[int]:
    return sorted(int(share * tape.size) for share in shares)


def merged(rows: Columns) -> dict[tuple[str, int], tuple[Any, ...]]:
    """Final bars by (symbol, start): the last revision of each part, parts added up."""
    last: dict[tuple[str, int, bytes], int] = {}
    for row in range(rows.size):
        key = (rows["symbol"][row], int(rows["start"][row]), bytes(rows["part"][row]))
        if key not in last or rows["revision"][row] > rows["revision"][last[key]]:
            last[key] = row
    parts: dict[tuple[str, int], list[int]] = {}
    for (symbol, start, _), row in sorted(last.items()):
        parts.setdefault((symbol, start), []).append(row)
    return {key: _added(rows, some) for key, some in parts.items()}


def _added(rows: Columns, some: list[int]) -> tuple[Any, ...]:
    first = min(some, key=lambda r: (rows["first_at"][r], rows["part"][r]))
    last = max(some, key=lambda r: (rows["last_at"][r], rows["part"][r]))
    wide = [int(rows["notional"]["hi"][r]) * 2**64 + int(rows["notional"]["lo"][r]) for r in some]
    return (
        float(rows["open"][first]),
        float(max(rows["high"][some])),
        float(min(rows["low"][some])),
        float(rows["close"][last]),
        round(float(np.sum(rows["volume"][some])), 6),
        sum(wide),
        int(rows["ticks"][some].sum()),
        int(rows["first_at"][some].min()),
        int(rows["last_at"][some].max()),
    )
