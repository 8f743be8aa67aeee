"""A seeded day of quotes, and the lines in which a MultiLangDaemon hands them to its child.

Prices are random walks in cents with spikes now and then, so that every rule has
something to say. The same arguments give the same bytes.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

OPENING = datetime(2025, 1, 31, 14, 30, tzinfo=UTC)
SESSION_S = 6.5 * 3600
STEP = 0.0001
"""Standard deviation of a quote's return."""
SPIKE_EVERY = 2_000
FIRST_SEQUENCE = 49_650_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000_000


@dataclass(frozen=True)
class Tape:
    """``records`` quotes of ``symbols`` symbols, spread evenly over one session.

    One record in ``repeat_every`` is the one before, put once more: a producer's time-out.
    Symbols are drawn for ``run`` records at a time, so that with long runs many symbols have
    about as many ticks a bar as few.
    """

    records: int = 1_000_000
    symbols: int = 200
    seed: int = 1
    repeat_every: int = 100_000
    run: int = 1

    def payloads(self) -> Iterator[tuple[str, datetime, bytes]]:
        """Partition key, event time and JSON of every record, in stream order."""
        random = np.random.default_rng(self.seed)
        closes = np.round(random.uniform(20, 400, self.symbols), 2)
        drawn = random.integers(0, self.symbols, -(-self.records // self.run))
        chosen = np.repeat(drawn, self.run)[: self.records]
        prices = self._prices(random, closes, chosen)
        volumes = random.integers(1, 500, self.records).tolist()
        again = (random.random(self.records) < 1 / self.repeat_every).tolist()
        gap = timedelta(seconds=SESSION_S) / self.records
        days = [Day(f"S{i:04d}", close) for i, close in enumerate(closes.tolist())]
        for index, (who, price) in enumerate(zip(chosen.tolist(), prices.tolist(), strict=True)):
            if not again[index] or not index:
                at = OPENING + gap * index
                quote = days[who].quote(price, volumes[index], at, f"b{index:08d}")
                last = days[who].symbol, at, json.dumps(quote, separators=(",", ":")).encode()
            yield last

    def _prices(
        self,
        random: np.random.Generator,
        closes: np.ndarray[tuple[int], np.dtype[np.float64]],
        chosen: np.ndarray[tuple[int], np.dtype[np.int64]],
    ) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """A walk per symbol from its close of the day before; spikes do not move the walk."""
        prices = np.empty(self.records)
        for symbol in range(self.symbols):
            mine = np.flatnonzero(chosen == symbol)
            prices[mine] = closes[symbol] * np.exp(np.cumsum(random.normal(0, STEP, len(mine))))
        spikes = random.random(self.records) < 1 / SPIKE_EVERY
        signs = random.choice([-1, 1], self.records)
        return np.round(np.where(spikes, prices * (1 + 0.06 * signs), prices), 2)

    def write(self, path: Path, batch: int) -> None:
        """One ``processRecords`` line a ``batch`` records."""
        waiting: list[bytes] = []
        with path.open("wb") as file:
            for index, (key, at, data) in enumerate(self.payloads()):
                waiting.append(_record(index, key, at, data))
                if len(waiting) == batch:
                    file.write(_line(waiting))
                    waiting.clear()
            if waiting:
                file.write(_line(waiting))


@dataclass
class Day:
    """What a quote says about the day so far."""

    symbol: str
    previous_close: float
    open: float = 0.0
    high: float = 0.0
    low: float = 0.0
    volume: int = 0

    def quote(self, price: float, size: int, at: datetime, name: str) -> dict[str, object]:
        self.open = self.open or price
        self.high = max(self.high, price)
        self.low = min(self.low or price, price)
        self.volume += size
        change = round(price - self.previous_close, 2)
        return {
            "symbol": self.symbol,
            "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "price": price,
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "previous_close": self.previous_close,
            "change": change,
            "change_percent": round(100 * change / self.previous_close, 4),
            "volume": self.volume,
            "source": "bench",
            "id": name,
        }


def sequence(index: int) -> str:
    return str(FIRST_SEQUENCE + index * 7)


def _record(index: int, key: str, at: datetime, data: bytes) -> bytes:
    arrival = int(at.timestamp() * 1000) + 40
    return (
        b'{"action":"record","data":"%b","partitionKey":"%b","sequenceNumber":"%b",'
        b'"subSequenceNumber":0,"approximateArrivalTimestamp":%d}'
        % (b64encode(data), key.encode(), sequence(index).encode(), arrival)
    )


def _line(records: list[bytes]) -> bytes:
    return (
        b'{"action":"processRecords","records":['
        + b",".join(records)
        + b'],"millisBehindLatest":0}\n'
    )
