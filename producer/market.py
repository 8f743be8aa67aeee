"""A market that never was: correlated random walks with a trading day's shape.

A symbol's log return in a step is beta * market + loading * sector + its own
(Student's t with 5 degrees of freedom, for fat tails), each with its daily
volatility spread over the steps. Volatility and volume follow a parabola over the
session, high at open and close and low at noon; each day is calmer or wilder than
the last by a lognormal factor. Overnight a symbol gaps by about half a day's move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kcl_app.core.columns import Array

SECTORS = 6
MARKET_DAILY, SECTOR_DAILY, OWN_DAILY = 0.008, 0.006, 0.011
OVERNIGHT = 0.5
T_FREEDOM = 5


def smile(steps: int, noon: float, first: int, count: int) -> Array:
    """A parabola with mean 1 over a session of ``steps``; its lowest value, at noon, is ``noon``.
    The values of ``count`` steps from ``first`` on."""
    x = (2 * (first + np.arange(count)) + 1) / steps - 1
    shape: Array = noon + 3 * (1 - noon) * x**2
    return shape


@dataclass
class Market:
    """``symbols`` walks in sessions of ``steps`` steps. All randomness is ``rng``'s."""

    symbols: int
    steps: int
    rng: np.random.Generator

    def __post_init__(self) -> None:
        n = self.symbols
        self.path = np.exp(self.rng.normal(np.log(80.0), 0.8, n))
        """The price of each symbol, unrounded."""
        self.beta = self.rng.uniform(0.6, 1.5, n)
        self.loading = self.rng.uniform(0.5, 1.2, n)
        self.own = OWN_DAILY * np.exp(self.rng.normal(0, 0.3, n))
        self.turnover = np.exp(self.rng.normal(np.log(3e6), 0.8, n))
        self.sector = np.arange(n) % SECTORS
        self.wild = 1.0
        self.busy = np.ones(n)

    def begin_day(self, overnight: bool) -> None:
        """Draw the day's temper; after the first day, the gap since the last close."""
        self.wild = float(np.exp(self.rng.normal(0, 0.25)))
        self.busy = np.exp(self.rng.normal(0, 0.3, self.symbols))
        jump = OVERNIGHT * self._moves(1, np.ones(1))[0]
        if overnight:
            self.path = self.path * np.exp(jump)

    def step(self, first: int, count: int, extra: Array, factor: Array) -> tuple[Array, Array]:
        """Prices (unrounded) and volumes (whole) of the next ``count`` steps of the day.

        ``extra`` is added to the log returns, ``factor`` multiplies the volumes; all
        are of shape (count, symbols).
        """
        volatility = np.sqrt(smile(self.steps, 0.5, first, count) / self.steps)
        moves = self._moves(count, volatility) + extra
        prices = self.path * np.exp(np.cumsum(moves, axis=0))
        self.path = prices[-1]
        return prices, self._volumes(first, count) * factor

    def _moves(self, count: int, volatility: Array) -> Array:
        market = MARKET_DAILY * self.rng.standard_normal((count, 1))
        sectors = SECTOR_DAILY * self.rng.standard_normal((count, SECTORS))
        fat = self.rng.standard_t(T_FREEDOM, (count, self.symbols))
        own = self.own * fat / np.sqrt(T_FREEDOM / (T_FREEDOM - 2))
        together: Array = self.beta * market + self.loading * sectors[:, self.sector] + own
        scaled: Array = together * (self.wild * volatility)[:, None]
        return scaled

    def _volumes(self, first: int, count: int) -> Array:
        expected = np.outer(smile(self.steps, 0.4, first, count), self.turnover * self.busy)
        noise = np.exp(self.rng.normal(-0.18, 0.6, expected.shape))  # of mean 1
        whole: Array = np.rint(expected / self.steps * noise)
        return whole
