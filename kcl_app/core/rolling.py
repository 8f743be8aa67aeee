"""Rolling values of a symbol, in arrival order.

Rules:
1. Each value follows from the tick and the 20 prices before it, or from a recurrence
   (``scan``): nothing depends on how the stream was cut.
2. Sums go from the oldest price to the newest, always. No running sums: they drift.
3. Only + - * / and square roots: other functions differ between machines.
4. Which of two means lies above is decided by exact sums: a tie of prices is a tie, where
   rounded means may differ in their last bit.
"""

from __future__ import annotations

import numpy as np

from kcl_app.core.columns import Array
from kcl_app.core.exact import PRICE_UNITS, counted
from kcl_app.core.history import History
from kcl_app.core.runs import Runs
from kcl_app.core.scan import scan
from kcl_app.core.state import Field, State

WINDOW = 20
SHORT = 5
DECAY = 0.94
"""Lambda of RiskMetrics' daily volatility (J.P. Morgan, Technical Document, 1996)."""

_NEAR = 4.0 / PRICE_UNITS
_NEAR_SHARE = 1e-13

FIELDS = (
    Field("prices", "f8", np.nan, WINDOW),
    Field("variance", "f8", 0.0),
    Field("trend", "i1", 0),
)


def indicators(runs: Runs, state: State, prices: Array) -> dict[str, Array]:
    """Rolling values of the rows, in runs; advances the state.

    ``sma_5``, ``sma_20``, ``ewma_volatility``, ``z_score``: NaN until there are enough
    ticks. ``trend``: 1 where SMA 5 comes to lie above SMA 20, -1 below, else 0.
    """
    history = History(runs, state["prices"][runs.slots], prices)
    window = [history.back(ticks) for ticks in range(WINDOW, -1, -1)]
    sma_5, sma_20 = mean(window[-SHORT:]), mean(window[1:])
    state["prices"][runs.slots] = history.tail()
    return {
        "sma_5": sma_5,
        "sma_20": sma_20,
        "ewma_volatility": _volatility(runs, state, window),
        "z_score": z_score(window[-1], window[:-1]),
        "trend": _crossings(runs, state, _side(window[1:], sma_5, sma_20)),
    }


def mean(window: list[Array]) -> Array:
    """Mean of the columns, added from the first to the last."""
    total = window[0].copy()
    for prices in window[1:]:
        total += prices
    total /= len(window)
    return total


def z_score(prices: Array, window: list[Array]) -> Array:
    """Distance from the window's mean in its standard deviations (n - 1 below the line).

    Two passes over differences to the oldest price, so prices far from zero lose no
    digits and equal prices give a deviation of exactly zero: then there is no score (NaN).
    """
    oldest = window[0]
    moves = [p - oldest for p in window]
    centre = mean(moves)
    squares = np.zeros_like(centre)
    for move in moves:
        off = move - centre
        squares += off * off
    deviation = np.sqrt(squares / (len(window) - 1))
    deviation[deviation == 0] = np.nan
    score: Array = (prices - oldest - centre) / deviation
    return score


def _volatility(runs: Runs, state: State, window: list[Array]) -> Array:
    """Square root of v = decay * v + (1 - decay) * r * r; the first return begins it."""
    older, before, price = window[-3:]
    returns = price / before - 1.0
    squares = np.where(np.isnan(before), 0.0, returns * returns)
    first = np.isnan(older)
    factor = np.where(first, 0.0, DECAY)
    term = np.where(first, squares, (1.0 - DECAY) * squares)
    variance, last = scan(runs, state["variance"][runs.slots], factor, term)
    state["variance"][runs.slots] = last
    return np.where(np.isnan(before), np.nan, np.sqrt(variance))


def _side(window: list[Array], short: Array, long: Array) -> Array:
    """1 where the mean of the last 5 of the 20 prices lies above that of all, -1 below, else 0.

    ``short`` and ``long``, the rounded means, decide where they are further apart than
    rounding and the count in 1e-8 could put them; elsewhere whole numbers do.
    """
    side = (short > long).astype(np.int8) - (short < long).astype(np.int8)
    rows = np.flatnonzero(np.abs(short - long) <= _NEAR + _NEAR_SHARE * long)
    if len(rows):
        units = [counted(prices[rows], PRICE_UNITS) for prices in window]
        side[rows] = np.sign(WINDOW // SHORT * np.sum(units[-SHORT:], 0) - np.sum(units, 0))
    return side


def _crossings(runs: Runs, state: State, side: Array) -> Array:
    """Where the side differs from the last one that wasn't a tie."""
    carried = state["trend"][runs.slots]
    upto = runs.latest(side != 0)
    signed = np.where(upto >= 0, side[upto], carried[runs.group])
    before = np.empty_like(signed)
    before[1:] = signed[:-1]
    before[runs.starts] = carried
    state["trend"][runs.slots] = signed[runs.ends]
    crossing: Array = np.where((side != 0) & (before != 0) & (side != before), side, 0)
    return crossing
