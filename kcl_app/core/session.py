"""What a tick means within its session: the close before it, and what traded with it."""

from __future__ import annotations

import numpy as np

from kcl_app.core.columns import Array, Columns
from kcl_app.core.event_time import SECOND
from kcl_app.core.exact import VOLUME_UNITS, counted
from kcl_app.core.runs import Runs
from kcl_app.core.state import Field, State

LONG_AGO = np.iinfo(np.int64).min
FIELDS = (
    Field("session", "i8", LONG_AGO),
    Field("session_last", "f8", np.nan),
    Field("session_before", "f8", np.nan),
    Field("total_at", "i8", LONG_AGO),
    Field("total_date", "i8", LONG_AGO),
    Field("total", "i8", 0),
    Field("newest", "i8", LONG_AGO),
)


def previous_close(runs: Runs, state: State, dates: Array, prices: Array) -> Array:
    """The last price seen on the exchange's date before the row's, in runs; advances the state.

    A date counts from its first tick on. A tick of an earlier date than the newest seen
    comes too late to know: NaN. So are the first date's.
    """
    slots = runs.slots
    day, last, older = (state[f.name][slots] for f in FIELDS[:3])
    before, newest = runs.highest(dates.astype(np.int64), day)
    current = dates >= before
    seen = runs.latest(current)
    opening = np.flatnonzero(dates > before)
    inside = opening - 1
    inherits = (opening > runs.starts[runs.group[opening]]) & (seen[inside] >= 0)
    closes = np.full(len(prices), np.nan)
    closes[opening] = np.where(inherits, prices[seen[inside]], last[runs.group[opening]])
    opened = runs.latest(dates > before)
    close = np.where(opened >= 0, closes[opened], older[runs.group])
    end = runs.ends
    state["session"][slots] = newest
    state["session_last"][slots] = np.where(seen[end] >= 0, prices[seen[end]], last)
    state["session_before"][slots] = close[end]
    return np.where(current, close, np.nan)


def lateness(runs: Runs, state: State, at: Array) -> Array:
    """Seconds that each event time lies behind the symbol's newest before it; NaN where it
    does not. In runs; advances the state."""
    before, newest = runs.highest(at, state["newest"][runs.slots])
    state["newest"][runs.slots] = newest
    late = np.full(len(at), np.nan)
    rows = np.flatnonzero(at < before)
    late[rows] = (before[rows] - at[rows]) / SECOND
    return late


def traded(runs: Runs, state: State, ticks: Columns) -> Array:
    """What traded with each row, in 1e-6 (int64), in runs; advances the state.

    Trades and bars: their volume. Quotes carry the day's running total: the difference to
    the total of the newest quote by event time; the day's first counts as it is. A late
    quote adds nothing, since a newer total holds it already. A total that falls is the
    source's correction: it adds nothing, and later ones are measured from it.
    """
    volume = ticks["volume"][runs.order]
    amounts = counted(np.nan_to_num(volume), VOLUME_UNITS)
    quoted = (ticks["kind"] == "quote")[runs.order]
    amounts[quoted & np.isnan(volume)] = 0
    rows = np.flatnonzero(quoted & ~np.isnan(volume))
    if len(rows):
        at = ticks["timestamp"][runs.order[rows]]
        dates = ticks["exchange_date"][runs.order[rows]].astype(np.int64)
        amounts[rows] = _differences(runs.within(rows), state, at, dates, amounts[rows])
    return amounts


def _differences(runs: Runs, state: State, at: Array, dates: Array, totals: Array) -> Array:
    slots = runs.slots
    before, newest = runs.highest(at, state["total_at"][slots])
    leading = at >= before
    upto = runs.latest(leading)
    last = np.empty_like(upto)
    last[1:] = upto[:-1]
    last[runs.starts] = -1
    group = runs.group
    base = np.where(last >= 0, totals[last], state["total"][slots][group])
    day = np.where(last >= 0, dates[last], state["total_date"][slots][group])
    gained = np.where(dates > day, totals, np.maximum(totals - base, 0))
    end = upto[runs.ends]
    state["total_at"][slots] = newest
    state["total"][slots] = np.where(end >= 0, totals[end], state["total"][slots])
    state["total_date"][slots] = np.where(end >= 0, dates[end], state["total_date"][slots])
    return np.where(leading, gained, 0)
