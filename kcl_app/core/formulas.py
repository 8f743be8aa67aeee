"""Formulas over windows of prices: columns, oldest first, NaN where there is none.

Sums go from the oldest to the newest, over differences to the newest price, in two passes:
prices far from zero lose no digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from kcl_app.core.columns import Array

Formula = Callable[[Sequence[Array]], Sequence[Array]]
"""Windows to columns."""


def _moves(window: Sequence[Array]) -> tuple[list[Array], Array]:
    """Differences to the newest price, 0 where there is none, and how many there are."""
    moves = [np.nan_to_num(price - window[-1], nan=0.0) for price in window]
    count = np.zeros(len(window[-1]))
    for price in window:
        count += ~np.isnan(price)
    return moves, count


def _mean_and_squares(window: Sequence[Array]) -> tuple[Array, Array, Array]:
    """Mean, sum of squared distances from it (two passes), and number of prices."""
    moves, count = _moves(window)
    total = np.zeros(len(count))
    for move in moves:
        total += move
    centre = total / np.where(count > 0, count, np.nan)
    squares = np.zeros(len(count))
    for move, price in zip(moves, window, strict=True):
        off = np.where(np.isnan(price), 0.0, move - centre)
        squares += off * off
    return window[-1] + centre, squares, count


def sma(window: Sequence[Array]) -> Sequence[Array]:
    """Arithmetic mean."""
    return [_mean_and_squares(window)[0]]


def std(window: Sequence[Array]) -> Sequence[Array]:
    """Standard deviation of the sample: n - 1 below the line; null for one price."""
    _, squares, count = _mean_and_squares(window)
    return [np.sqrt(squares / np.where(count > 1, count - 1, np.nan))]


def lowest(window: Sequence[Array]) -> Sequence[Array]:
    return [np.fmin.reduce(window)]


def highest(window: Sequence[Array]) -> Sequence[Array]:
    return [np.fmax.reduce(window)]


def bollinger(window: Sequence[Array]) -> Sequence[Array]:
    """Mean, and two standard deviations of the population above and below it.

    John Bollinger, Bollinger on Bollinger Bands, 2001.
    """
    mean, squares, count = _mean_and_squares(window)
    width = 2.0 * np.sqrt(squares / count)
    return [mean, mean + width, mean - width]


def zscore(window: Sequence[Array]) -> Sequence[Array]:
    """Distance from the mean of the prices before, in their standard deviations (n - 1)."""
    mean, squares, count = _mean_and_squares(window[:-1])
    deviation = np.sqrt(squares / np.where(count > 1, count - 1, np.nan))
    return [(window[-1] - mean) / np.where(deviation > 0, deviation, np.nan)]


def volatility(window: Sequence[Array]) -> Sequence[Array]:
    """Realised volatility: square root of the sum of squared returns, simple ones here.

    Andersen and Bollerslev, Answering the Skeptics, International Economic Review, 1998.
    """
    total = np.zeros(len(window[-1]))
    for before, price in pairwise(window):
        move = np.nan_to_num(price / before - 1.0, nan=0.0)
        total += move * move
    return [np.sqrt(total)]
