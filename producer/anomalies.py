"""Anomalies put into a synthetic market, each with its truth.

A session is divided into slots; a symbol has at most one anomaly a slot and a
clean step before it, so that no two of a symbol touch.

kind          what is seen                                        size
spike         one tick off the path                               relative move, signed
level_shift   the price jumps and stays                           relative move, signed
drift         the price slides for half an hour and stays         relative move, signed
volume_burst  five minutes of multiplied volume                   factor
stuck         the quote repeats itself for twenty minutes         seconds
gap           no tick for fifteen minutes                         seconds
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kcl_app.core.columns import Array

SLOTS = 6
SLOT_STEPS = 10
"""A slot has at least so many steps."""


@dataclass(frozen=True)
class Kind:
    name: str
    seconds: float
    least_steps: int
    smallest: float = 0.0
    largest: float = 0.0


KINDS = (
    Kind("spike", 0, 1, 0.03, 0.10),
    Kind("level_shift", 0, 1, 0.04, 0.10),
    Kind("drift", 1800, 5, 0.03, 0.08),
    Kind("volume_burst", 300, 2, 8, 25),
    Kind("stuck", 1200, 5),
    Kind("gap", 900, 3),
)


@dataclass(frozen=True)
class Anomaly:
    """Steps ``first`` to ``last`` (inclusive) of one session, of the symbol with this index."""

    symbol: int
    first: int
    last: int
    kind: str
    size: float

    @property
    def steps(self) -> int:
        return self.last - self.first + 1


def slots(steps: int) -> int:
    """How many anomalies a symbol can have in a session of ``steps``."""
    return min(SLOTS, steps // SLOT_STEPS)


def plan(
    rng: np.random.Generator, symbols: int, steps: int, interval_s: float, rate: float
) -> list[Anomaly]:
    """One session's anomalies: Poisson with mean ``rate`` a symbol, at most one a slot."""
    many = slots(steps)
    planned = []
    for symbol, count in enumerate(rng.poisson(rate, symbols).tolist()):
        chosen = np.sort(rng.permutation(many)[:count])
        for slot in chosen.tolist():
            low, high = slot * steps // many, (slot + 1) * steps // many
            planned.append(_draw(rng, symbol, low, high, interval_s))
    return planned


def _draw(rng: np.random.Generator, symbol: int, low: int, high: int, interval_s: float) -> Anomaly:
    """An anomaly within the steps ``low`` (itself clean) to ``high`` (exclusive)."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    wanted = max(kind.least_steps, round(kind.seconds / interval_s))
    steps = min(wanted, high - low - 1)
    first = int(rng.integers(low + 1, high - steps + 1))
    amount = float(rng.uniform(kind.smallest, kind.largest))
    up = bool(rng.integers(2))
    return Anomaly(
        symbol, first, first + steps - 1, kind.name, _size(kind, amount, up, steps * interval_s)
    )


def _size(kind: Kind, amount: float, up: bool, seconds: float) -> float:
    """Down-moves are the inverse of up-moves, so that many of them lead nowhere."""
    if kind.name in ("stuck", "gap"):
        return seconds
    if kind.name == "volume_burst" or up:
        return amount
    return 1 / (1 + amount) - 1


@dataclass
class Marks:
    """What a block of steps ``first`` to ``first + count`` has to do; shapes (count, symbols)."""

    extra: Array
    """Added to the log returns."""
    spike: Array
    """Multiplies the price that is seen."""
    factor: Array
    """Multiplies the volume."""
    hidden: Array
    """True where there is no tick."""
    frozen: Array
    """The row to show: row 0 is the one before the block, row k + 1 the block's own k."""

    @classmethod
    def of(cls, anomalies: list[Anomaly], first: int, count: int, symbols: int) -> Marks:
        shape = (count, symbols)
        own = np.repeat(np.arange(1, count + 1)[:, None], symbols, axis=1)
        marks = cls(np.zeros(shape), np.ones(shape), np.ones(shape), np.zeros(shape, bool), own)
        for anomaly in anomalies:
            low, high = max(anomaly.first - first, 0), min(anomaly.last + 1 - first, count)
            if low < high:
                marks._mark(anomaly, first, slice(low, high))
        return marks

    def _mark(self, anomaly: Anomaly, first: int, rows: slice) -> None:
        at = (rows, anomaly.symbol)
        match anomaly.kind:
            case "spike":
                self.spike[at] = 1 + anomaly.size
            case "level_shift" | "drift":
                self.extra[at] = np.log1p(anomaly.size) / anomaly.steps
            case "volume_burst":
                self.factor[at] = anomaly.size
            case "stuck":
                self.frozen[at] = max(anomaly.first - first, 0)
            case "gap":
                self.hidden[at] = True
