"""The synthetic source: a seeded market as quotes, with anomalies whose truth is known.

The same settings give the same bytes. ``records`` only says where the tape ends:
the shorter one is the beginning of the longer. Anomalies have randomness of their
own, so a market with them is the market without them but for what they did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time
from itertools import islice
from zoneinfo import ZoneInfo

import numpy as np

from kcl_app.core.columns import Array
from producer import truth
from producer.anomalies import SLOT_STEPS, Anomaly, plan, slots
from producer.market import Market
from producer.names import tickers
from producer.quotes import Quotes
from producer.session import Session
from producer.source import Source, SourceError, Ticks
from producer.truth import Truth

RECORDS = 10_000
BLOCK_ROWS = 8192
"""Ticks made at once, about."""


@dataclass
class SyntheticSource(Source):
    """``symbols`` is a number or a comma list. ``records`` or ``days`` end the tape, whichever
    comes first; 0 is no end, and without either it ends after 10,000 ticks.
    ``anomalies`` is their mean number a symbol and day; where they were goes to the
    file ``truth`` (.parquet, .jsonl) when the tape ends. ``opens`` and ``closes`` are
    local times of the exchange.
    """

    symbols: int | str = 20
    records: int | None = None
    days: int = 0
    seed: int = 1
    start: str = "2025-01-06"
    interval_s: float = 60.0
    anomalies: float = 0.5
    truth: str = ""
    timezone: str = "America/New_York"
    opens: str = "09:30"
    closes: str = "16:00"

    def __post_init__(self) -> None:
        if self.records is None:
            self.records = 0 if self.days else RECORDS
        self._names = _names(self.symbols)
        self._session = _session(self.timezone, self.opens, self.closes)
        self._start = _parsed("start", self.start, date.fromisoformat, "a date such as 2025-01-06")
        for name, least in (("records", 0), ("days", 0), ("seed", 0), ("anomalies", 0)):
            if getattr(self, name) < least:
                raise SourceError(f"{name} = {getattr(self, name)}: must not be negative")
        if not self.interval_s >= 0.001:
            raise SourceError(f"interval_s = {self.interval_s}: at least 0.001 seconds")
        self._interval_us = round(self.interval_s * 1e6)
        self._steps = self._session.steps(self._interval_us)
        if self.anomalies and not slots(self._steps):
            raise SourceError(
                f"interval_s = {self.interval_s:g}: a session has {self._steps} steps, anomalies "
                f"need {SLOT_STEPS}; take a shorter interval or anomalies = 0"
            )
        if self.anomalies > slots(self._steps):
            raise SourceError(f"anomalies = {self.anomalies}: at most {slots(self._steps)} a day")
        if self.truth:
            truth.check(self.truth)

    def total(self) -> int | None:
        return self.records or None

    def batches(self) -> Iterator[Ticks]:
        """Ticks step by step; within a step in the order of the symbols."""
        self._truths: list[Truth] = []
        self._last = 0
        left = self.records or 0
        try:
            for ticks in self._blocks():
                if self.records:
                    ticks = ticks.slice(0, min(len(ticks), left))
                    left -= len(ticks)
                if len(ticks):
                    self._last = int(ticks.times[-1])
                    yield ticks
                if self.records and not left:
                    return
        finally:
            if self.truth:
                truth.write(self.truth, self._shown())

    def _blocks(self) -> Iterator[Ticks]:
        tape, marks = (_random(self.seed, use) for use in ("market", "anomalies"))
        market = Market(len(self._names), self._steps, tape)
        quotes = Quotes(self._names)
        days = self._session.days(self._start)
        for number, day in enumerate(islice(days, self.days or None)):
            times = self._session.times(day, self._interval_us)
            anomalies = self._planned(marks, times)
            quotes.begin_day(market.path)
            market.begin_day(overnight=number > 0)
            yield from self._day(market, quotes, times, anomalies)

    def _day(
        self, market: Market, quotes: Quotes, times: Array, anomalies: list[Anomaly]
    ) -> Iterator[Ticks]:
        size = max(1, BLOCK_ROWS // len(self._names))
        for first in range(0, len(times), size):
            yield quotes.block(market, times[first : first + size], first, anomalies)

    def _planned(self, rng: np.random.Generator, times: Array) -> list[Anomaly]:
        many = len(self._names)
        anomalies = plan(rng, many, len(times), self.interval_s, self.anomalies)
        for anomaly in anomalies if self.truth else ():
            start, end = int(times[anomaly.first]), int(times[anomaly.last])
            name = self._names[anomaly.symbol]
            self._truths.append(Truth(name, start, end, anomaly.kind, anomaly.size))
        return anomalies

    def _shown(self) -> list[Truth]:
        """Anomalies that had begun when the tape ended, as far as they went."""
        return [
            Truth(t.symbol, t.start, min(t.end, self._last), t.kind, t.size)
            for t in self._truths
            if t.start <= self._last
        ]


def _random(seed: int, use: str) -> np.random.Generator:
    """Randomness for one use; two uses of one seed share nothing."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *use.encode()])))


def _names(symbols: int | str) -> Sequence[str]:
    text = str(symbols).strip()
    names = [name.strip() for name in text.split(",")]
    if text.lstrip("-").isdigit():
        names = tickers(max(int(text), 0))
    if not names or not all(names) or len(set(names)) < len(names):
        raise SourceError(f"symbols = {text}: a number from 1, or different names with commas")
    return names


def _session(zone: str, opens: str, closes: str) -> Session:
    session = Session(
        _parsed("timezone", zone, ZoneInfo, "an IANA time zone such as America/New_York"),
        _parsed("opens", opens, time.fromisoformat, "a time such as 09:30"),
        _parsed("closes", closes, time.fromisoformat, "a time such as 16:00"),
    )
    if session.opens >= session.closes:
        raise SourceError(f"opens = {opens}: must lie before closes = {closes}")
    return session


def _parsed[T](name: str, text: str, parse: Callable[[str], T], wanted: str) -> T:
    try:
        return parse(text)
    except (ValueError, KeyError, OSError) as wrong:
        raise SourceError(f"{name} = {text!r}: write {wanted}") from wrong
