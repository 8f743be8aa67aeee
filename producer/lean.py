"""Trades in the files of the LEAN engine: ``aig_20131007_trade.zip``.

Without a header: milliseconds since midnight in New York, price times 10,000,
size, exchange, condition, suspicious. The symbol and the day are in the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from producer.layout import layout
from producer.readers import Chunk, chunks
from producer.rows import Reading, ticks
from producer.source import SourceError, Ticks
from producer.times import microseconds

NAME = re.compile(r"(?P<symbol>[a-z0-9.]+)_(?P<day>\d{8})_trade\.zip")
HEADER = ("time", "price", "size", "exchange", "condition", "suspicious")
ZONE = ZoneInfo("America/New_York")
SCALE = 10_000


def recognised(path: str) -> LeanTrades | None:
    """The file, where its name is of this form."""
    match = NAME.fullmatch(Path(path).name)
    return LeanTrades(path, match["symbol"].upper(), match["day"]) if match else None


@dataclass(frozen=True)
class LeanTrades:
    path: str
    symbol: str
    day: str

    def tape(self, rows: int, symbol: str = "") -> Iterator[Ticks]:
        """Trades in batches of ``rows``; ``symbol`` instead of the name's. Raises SourceError."""
        try:
            midnight = microseconds([datetime.strptime(self.day, "%Y%m%d")], ZONE)[0]
        except ValueError as wrong:
            raise SourceError(f"{self.path}: {self.day} in the name is no day") from wrong
        reading = Reading(symbol or self.symbol, "trade")
        for chunk in chunks(self.path, rows, HEADER):
            yield ticks(
                self._translated(chunk, int(midnight)), layout(self.path, HEADER, {}), reading
            )

    def _translated(self, chunk: Chunk, midnight: int) -> Chunk:
        times = midnight + 1_000 * _whole(chunk, "time")
        prices = _whole(chunk, "price") / SCALE
        columns = {**chunk.columns, "time": times.tolist(), "price": prices.tolist()}
        return Chunk(chunk.path, chunk.unit, columns, chunk.places)


def _whole(chunk: Chunk, column: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    values = chunk.columns[column]
    for at, value in enumerate(values):
        if not (value.isascii() and value.isdigit() and len(value) < 19):
            raise chunk.wrong(at, column, f"{value[:80]!r} is not a whole number")
    return np.array(values, dtype=np.int64)
