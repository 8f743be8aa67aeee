"""The stock side's windows: rolling indicators, rules and one-minute bars, row by row.

Written as one would on a plain record processor: a deque per symbol, a dict of bars.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

Row = dict[str, Any]

MINUTE = timedelta(minutes=1)
HORIZON = timedelta(minutes=5)
MOST_IDS = 100_000
LAMBDA = 0.94
UNITS = 10**8
Z_LIMIT = 6.0
CHANGE_LIMIT = 5.0
GRADES = ("low", "medium", "high")


@dataclass(slots=True)
class Rolling:
    """One symbol's last twenty prices, its volatility, and which average lies above."""

    prices: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    units: deque[int] = field(default_factory=lambda: deque(maxlen=20))
    variance: float | None = None
    above: bool | None = None

    def add(self, price: float, row: Row) -> None:
        """Write the indicators of ``price`` into ``row``."""
        window = self.prices
        row["z_score"] = _z_score(price, window) if len(window) == 20 else None
        if window:
            step = (price / window[-1] - 1) ** 2
            last = self.variance
            self.variance = step if last is None else LAMBDA * last + (1 - LAMBDA) * step
            row["ewma_volatility"] = math.sqrt(self.variance)
        else:
            row["ewma_volatility"] = None
        window.append(price)
        self.units.append(round(price * UNITS))
        prices = list(window)
        row["sma_5"] = short = _mean(prices[-5:]) if len(prices) >= 5 else None
        row["sma_20"] = long = _mean(prices) if len(prices) == 20 else None
        row["trend"] = self._crossed() if short and long else False

    def _crossed(self) -> bool:
        """Whether the short average has come to lie on the other side of the long one.

        In whole numbers: where they tie, the last bit of two means would decide.
        """
        units = list(self.units)
        apart = 4 * sum(units[-5:]) - sum(units)
        if not apart:
            return False
        before, self.above = self.above, apart > 0
        return before is not None and before != self.above


def _mean(prices: list[float]) -> float:
    return sum(prices) / len(prices)


def _z_score(price: float, window: deque[float]) -> float | None:
    """Against the twenty before it; from the oldest, so that equal prices deviate by zero."""
    oldest = window[0]
    moves = [other - oldest for other in window]
    mean = sum(moves) / 20
    deviation = math.sqrt(sum([(move - mean) ** 2 for move in moves]) / 19)
    return (price - oldest - mean) / deviation if deviation else None


@dataclass
class Seen:
    """Record ids of the last five minutes, at most 100,000: a producer's repeat is left out."""

    ids: OrderedDict[tuple[str, str], datetime] = field(default_factory=OrderedDict)

    def repeat(self, row: Row) -> bool:
        """Whether the row's id is known; else it is from now on."""
        if row["id"] is None:
            return False
        key, arrival = (row["symbol"], row["id"]), row["arrival"]
        known = self.ids.get(key)
        if known is not None and arrival - known <= HORIZON:
            return True
        self.ids[key] = arrival
        self.ids.move_to_end(key)
        if len(self.ids) > MOST_IDS:
            self.ids.popitem(last=False)
        return False


@dataclass(slots=True)
class Bar:
    """One symbol's minute."""

    start: datetime
    open: float
    high: float
    low: float
    close: float
    first_at: datetime
    last_at: datetime
    volume: float = 0.0
    notional: float = 0.0
    ticks: int = 0
    revision: int = 0

    def add(self, price: float, at: datetime, size: float) -> None:
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        if at >= self.last_at:
            self.close, self.last_at = price, at
        if at < self.first_at:
            self.open, self.first_at = price, at
        self.volume += size
        self.notional += price * size
        self.ticks += 1

    def row(self, symbol: str) -> Row:
        self.revision += 1
        return {
            "symbol": symbol,
            "start": self.start,
            "end": self.start + MINUTE,
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "close": self.close,
            "volume": self.volume,
            "vwap": self.notional / self.volume if self.volume else None,
            "ticks": self.ticks,
            "first_at": self.first_at,
            "last_at": self.last_at,
            "revision": self.revision,
        }


@dataclass
class Bars:
    """Bars by symbol and minute; those touched since the last cut are written with it."""

    open: dict[tuple[str, datetime], Bar] = field(default_factory=dict)
    touched: set[tuple[str, datetime]] = field(default_factory=set)
    totals: dict[str, tuple[date, float]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        symbol, at, price = row["symbol"], row["timestamp"], row["price"]
        key = symbol, at.replace(second=0, microsecond=0)
        bar = self.open.get(key)
        if bar is None:
            bar = self.open[key] = Bar(key[1], price, price, price, price, at, at)
        bar.add(price, at, self._size(row))
        self.touched.add(key)

    def _size(self, row: Row) -> float:
        """What traded since the symbol's last quote: a quote's volume is the day's total."""
        symbol, day, total = row["symbol"], row["exchange_date"], row["volume"]
        if total is None:
            return 0.0
        last_day, before = self.totals.get(symbol, (date.min, 0.0))
        self.totals[symbol] = day, total
        return float(total if day != last_day else max(total - before, 0.0))

    def cut(self) -> list[Row]:
        rows = [self.open[key].row(key[0]) for key in sorted(self.touched)]
        self.touched.clear()
        self._forget()
        return rows

    def _forget(self) -> None:
        """Drop bars more than an hour behind: a late tick would begin them anew."""
        newest = max((start for _, start in self.open), default=None)
        if newest is not None:
            hour = timedelta(hours=1)
            self.open = {key: bar for key, bar in self.open.items() if newest - key[1] < hour}


def anomalies(row: Row) -> list[Row]:
    """Which rules a tick breaks; its own ``flags`` and ``severity`` are set."""
    found: list[Row] = []
    change, score, trend = row["change_percent"], row["z_score"], row["trend"]
    if change is not None and abs(change) > CHANGE_LIMIT:
        grade = _severity(abs(change) / CHANGE_LIMIT)
        found.append(_anomaly(row, "change", abs(change), grade))
    if score is not None and abs(score) > Z_LIMIT:
        found.append(_anomaly(row, "z_score", abs(score), _severity(abs(score) / Z_LIMIT)))
    if trend:
        apart = 100 * abs(row["sma_5"] - row["sma_20"]) / row["sma_20"]
        found.append(_anomaly(row, "trend", apart, "low"))
    row["flags"] = ",".join([each["kind"] for each in found]) or None
    row["severity"] = max([each["severity"] for each in found], key=GRADES.index, default=None)
    return found


def _severity(times: float) -> str:
    return GRADES[(times > 1.5) + (times > 2)]


PLACED = (
    "symbol",
    "timestamp",
    "price",
    "exchange_date",
    "exchange_hour",
    "exchange_minute",
    "arrival",
    "shard",
    "sequence",
    "sub_sequence",
    "line",
)


def _anomaly(row: Row, kind: str, score: float, severity: str) -> Row:
    return {
        **{name: row[name] for name in PLACED},
        "kind": kind,
        "severity": severity,
        "score": score,
        "reason": f"{kind} {score:.2f} at {row['price']}",
    }
