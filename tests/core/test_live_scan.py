"""A call looks at few symbols; what it tells is what a look at all of them would tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kcl_app.core import live
from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow
from kcl_app.core.live import Watermark
from tests.core.tape import bits, cuttings, placed_at, rules, tapes

MINUTE = 60_000_000
WAITS = st.lists(st.sampled_from([0, 1, 5, 61, 300]), min_size=13, max_size=13)
"""Seconds of silence behind each call."""


def road(*intervals: str, lateness: int = 5, idle: int = 60) -> Flow:
    mark = Watermark(lateness * 1_000_000, idle * 1_000_000)
    return Flow("shard-0", replace(rules(*intervals), watermark=mark))


def calls(tape: Columns, cuts: Any, waits: Any) -> Any:
    """(ticks, None) of each call, then (None, arrival) of the silence behind it."""
    shift = 0
    for (a, b), wait in zip(pairwise([0, *cuts, tape.size]), waits, strict=False):
        ticks = tape.slice(a, b)
        ticks = ticks.having(arrival=ticks["arrival"] + shift)
        yield ticks, None
        shift += wait * 1_000_000
        if wait and b:
            yield None, int(tape["arrival"][b - 1]) + shift


def all_told(flow: Flow, given: Any) -> list[Any]:
    said = []
    for ticks, arrival in given:
        heard = flow.idle(arrival) if ticks is None else flow.feed(ticks).live
        for rows in (heard.current, heard.closed):
            said.append({name: bits(bars) for name, bars in rows.items()})
    return said


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tapes(), cuttings(), WAITS, st.sampled_from([0, 5, 200]))
def test_looking_at_few_symbols_tells_what_looking_at_all_would(
    monkeypatch: pytest.MonkeyPatch, tape: Any, shares: Any, waits: Any, lateness: Any
) -> None:
    given = list(calls(tape, placed_at(tape, shares), waits))
    intervals = "1m", "1h_20m", "gap5m"
    few = all_told(road(*intervals, lateness=lateness), given)
    with monkeypatch.context() as patch:
        patch.setattr(live, "_heard", lambda slots, state, mark, at: np.arange(len(state)))
        assert all_told(road(*intervals, lateness=lateness), given) == few


@dataclass
class Symbol:
    """The rules of one symbol's minute bars, tick by tick and in no hurry."""

    newest: int = -(10**18)
    seen: int = -(10**18)

    def __post_init__(self) -> None:
        self.ticks: dict[int, int] = {}
        self.told: dict[int, int] = {}
        self.gone: set[int] = set()

    def tick(self, at: int, arrival: int) -> int | None:
        """The window that it falls into; None where it is too late."""
        begin = at - at % MINUTE
        latest = max(self.newest, at)
        self.newest, self.seen = latest, max(self.seen, arrival)
        if begin < latest - latest % MINUTE - MINUTE:
            return None
        self.ticks[begin] = self.ticks.get(begin, 0) + 1
        return begin

    def call(self, touched: set[int], arrival: int, idle: int, late: int) -> Any:
        """(begin, ticks, closed) of what the call tells."""
        reached = self.newest - late
        if arrival - self.seen >= idle:
            reached = max(self.newest, arrival) - late
        kept = sorted(self.ticks)[-2:]
        over = {b for b in self.ticks if b + MINUTE <= reached or b not in kept or b in self.told}
        fresh = {b for b in over if self.told.get(b) != self.ticks[b] and b not in self.gone}
        said = {(b, self.ticks[b], True) for b in fresh}
        said |= {(b, self.ticks[b], False) for b in touched - over}
        self.told |= {b: self.ticks[b] for b in fresh}
        self.gone |= set(self.ticks) - set(kept)
        return said


def model(given: Any, idle: int, late: int) -> list[Any]:
    symbols: dict[str, Symbol] = {}
    clock, said = 0, []
    for ticks, arrival in given:
        touched: dict[str, set[int]] = {}
        if ticks is not None:
            rows = (ticks[name].tolist() for name in ("symbol", "timestamp", "arrival"))
            for symbol, at, arrived in zip(*rows, strict=True):
                clock = max(clock, arrived)
                begin = symbols.setdefault(symbol, Symbol()).tick(at, arrived)
                touched.setdefault(symbol, set()).update([] if begin is None else [begin])
        clock = max(clock, arrival or 0)
        each = {
            name: s.call(touched.get(name, set()), clock, idle, late) for name, s in symbols.items()
        }
        said.append({(name, *bar) for name, bars in each.items() for bar in bars})
    return said


@given(tapes(), cuttings(), WAITS, st.sampled_from([0, 5, 200]))
def test_a_model_of_the_rules_tells_the_same(
    tape: Any, shares: Any, waits: Any, lateness: Any
) -> None:
    given = list(calls(tape, placed_at(tape, shares), waits))
    flow, told = road("1m", lateness=lateness), []
    for ticks, arrival in given:
        heard = flow.idle(arrival) if ticks is None else flow.feed(ticks).live
        told.append(
            {
                bar
                for over, rows in ((False, heard.current), (True, heard.closed))
                for bar in bars(rows, over)
            }
        )
    assert told == model(given, 60_000_000, lateness * 1_000_000)


def bars(rows: Any, over: bool) -> Any:
    some = rows.get("1m")
    if some is None:
        return []
    columns = (some[name].tolist() for name in ("symbol", "start", "ticks"))
    return [(*bar, over) for bar in zip(*columns, strict=True)]
