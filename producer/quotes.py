"""What a feed shows of a market: the ten-field quote of every symbol at every step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kcl_app.core.columns import Array
from producer.anomalies import Anomaly, Marks
from producer.market import Market
from producer.source import Ticks
from producer.times import iso

FIELDS = (
    "symbol", "timestamp", "price", "open", "high", "low", "previous_close", "change",
    "change_percent", "volume", "kind", "source",
)  # fmt: skip


def ticked(prices: Array) -> Array:
    """Prices on the exchange's grid: whole cents from one dollar on, hundredths of a cent
    below; never zero."""
    fine: Array = np.where(prices >= 1, np.round(prices, 2), np.round(prices, 4))
    return np.maximum(fine, 0.0001)


class Quotes:
    """The day's running values of every symbol, and the quotes that show them."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = list(symbols)
        many = len(self.symbols)
        self.previous_close = np.zeros(many)
        self.open = np.zeros(many)
        self.shown = np.zeros((4, many))
        """Price, high, low and volume as last shown."""
        self.state = np.zeros((3, many))
        """High, low and volume of the day."""

    def begin_day(self, closes: Array) -> None:
        """``closes`` are the last prices of the session before."""
        self.previous_close = ticked(closes)
        many = len(self.symbols)
        self.state = np.stack([np.full(many, -np.inf), np.full(many, np.inf), np.zeros(many)])

    def block(self, market: Market, times: Array, first: int, anomalies: list[Anomaly]) -> Ticks:
        """The quotes of the day's steps from ``first`` on, at ``times``."""
        marks = Marks.of(anomalies, first, len(times), len(self.symbols))
        prices, volumes = market.step(first, len(times), marks.extra, marks.factor)
        price, high, low, volume = self._shown(ticked(prices * marks.spike), volumes, marks)
        if first == 0:
            self.open = price[0]
        seen = ~marks.hidden
        return self._ticks(times, seen, [column[seen] for column in (price, high, low, volume)])

    def _shown(self, price: Array, volumes: Array, marks: Marks) -> list[Array]:
        """Price, high, low and volume, a stuck quote repeating the one before it."""
        high = np.maximum.accumulate(np.vstack([self.state[0], price]))[1:]
        low = np.minimum.accumulate(np.vstack([self.state[1], price]))[1:]
        volume = self.state[2] + np.cumsum(volumes, axis=0)
        self.state = np.stack([high[-1], low[-1], volume[-1]])
        columns = [
            np.take_along_axis(np.vstack([before, column]), marks.frozen, axis=0)
            for before, column in zip(self.shown, (price, high, low, volume), strict=True)
        ]
        self.shown = np.stack([column[-1] for column in columns])
        return columns

    def _ticks(self, times: Array, seen: Array, shown: list[Array]) -> Ticks:
        price, high, low, volume = shown
        steps, symbols = np.nonzero(seen)
        before = self.previous_close[symbols]
        change = np.round(price - before, 4)
        columns = [
            np.asarray(self.symbols, dtype=object)[symbols].tolist(),
            np.asarray(iso(times), dtype=object)[steps].tolist(),
            price.tolist(),
            self.open[symbols].tolist(),
            high.tolist(),
            low.tolist(),
            before.tolist(),
            change.tolist(),
            np.round(100 * change / before, 4).tolist(),
            volume.astype(np.int64).tolist(),
            ["quote"] * len(steps),
            ["synthetic"] * len(steps),
        ]
        rows = [dict(zip(FIELDS, row, strict=True)) for row in zip(*columns, strict=True)]
        return Ticks(rows, times[steps])
