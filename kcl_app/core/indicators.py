"""Indicators that the settings add: rolling values over the last ticks, or over a time.

Rules:
1. Values are of a symbol, in arrival order, and follow from what the state keeps.
2. ``sma_50`` is over 50 ticks and null until there are so many. ``sma_5m`` is over the
   ticks whose event time is less than 5 minutes before the tick's own, of the last 64.
3. Only + - * / and square roots: other functions differ between machines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from msgspec.json import encode

from kcl_app.core import formulas
from kcl_app.core.columns import Array
from kcl_app.core.formulas import Formula
from kcl_app.core.history import History
from kcl_app.core.runs import Runs
from kcl_app.core.scan import scan
from kcl_app.core.state import Field, State
from kcl_app.core.windows import span

MOST = 64
"""Ticks that a window over a time looks back at most."""

LONGEST = 500


@dataclass(frozen=True, slots=True)
class View:
    """What an indicator sees, in runs: prices, event times (UTC microseconds), and what
    traded (1e-6)."""

    runs: Runs
    prices: Array
    at: Array
    traded: Array


class Indicator(Protocol):
    """Made from its name's last part (``14`` of ``rsi_14``) by a factory of the group
    ``tapeline.indicators``."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Memory a symbol, under names of its own."""

    def values(self, view: View, state: State) -> Sequence[Array]:
        """One column a name, in runs; NaN is null. Called once a row, in order: it takes
        what it remembers from ``state`` by ``view.runs.slots`` and puts it back."""


Factory = Callable[[str], Indicator]


@dataclass(frozen=True)
class Windowed:
    """A formula over the last ``ticks`` prices, or over those of the last ``time``."""

    names: tuple[str, ...]
    formula: Formula
    ticks: int
    time: int = 0
    more: int = 0

    @property
    def _kept(self) -> tuple[Field, Field]:
        width = self.ticks + self.more - 1
        lead = self.names[0]
        return (
            Field(f"{lead}.prices", "f8", np.nan, width),
            Field(f"{lead}.times", "i8", 0, width),
        )

    @property
    def fields(self) -> tuple[Field, ...]:
        prices, times = self._kept
        return (prices, times) if self.time else (prices,)

    def values(self, view: View, state: State) -> Sequence[Array]:
        prices = self._history(view, state, 0, view.prices)
        reach = self.ticks + self.more - 1
        window = [prices.back(n) for n in range(reach, -1, -1)]
        if not self.time:
            enough = ~np.isnan(window[0])
            return [np.where(enough, column, np.nan) for column in self.formula(window)]
        times = self._history(view, state, 1, view.at)
        since = view.at - self.time
        inside = [times.back(n) > since for n in range(reach, -1, -1)]
        masked = [np.where(i, p, np.nan) for i, p in zip(inside, window, strict=True)]
        return self.formula(masked)

    def _history(self, view: View, state: State, which: int, values: Array) -> History:
        name = self._kept[which].name
        history = History(view.runs, state[name][view.runs.slots], values)
        state[name][view.runs.slots] = history.tail()
        return history


@dataclass(frozen=True)
class Ema:
    """Exponential mean: e = a * price + (1 - a) * e with a = 2 / (n + 1); begins with the
    first price."""

    name: str
    ticks: int

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def fields(self) -> tuple[Field, ...]:
        return (Field(f"{self.name}.value", "f8", 0.0), Field(f"{self.name}.count", "i8", 0))

    def values(self, view: View, state: State) -> Sequence[Array]:
        first = nth(view.runs, state, f"{self.name}.count") == 0
        share = 2.0 / (self.ticks + 1)
        factor = np.where(first, 0.0, 1.0 - share)
        term = np.where(first, view.prices, share * view.prices)
        return [carried(view.runs, state, f"{self.name}.value", factor, term)]


@dataclass(frozen=True)
class Rsi:
    """Relative strength index: 100 * gains / (gains + losses), of smoothed moves.

    The first means are plain ones of n moves, then m = ((n - 1) * m + move) / n. Null until
    then, and where nothing moved. J. Welles Wilder, New Concepts in Technical Trading
    Systems, 1978.
    """

    name: str
    ticks: int

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def fields(self) -> tuple[Field, ...]:
        return (
            Field(f"{self.name}.last", "f8", np.nan, 1),
            Field(f"{self.name}.gains", "f8", 0.0),
            Field(f"{self.name}.losses", "f8", 0.0),
            Field(f"{self.name}.count", "i8", 0),
        )

    def values(self, view: View, state: State) -> Sequence[Array]:
        runs, last = view.runs, f"{self.name}.last"
        place = nth(runs, state, f"{self.name}.count")
        history = History(runs, state[last][runs.slots], view.prices)
        state[last][runs.slots] = history.tail()
        move = np.nan_to_num(view.prices - history.back(1), nan=0.0)
        factor = np.where(place > self.ticks, (self.ticks - 1) / self.ticks, 1.0)
        gains, losses = (
            carried(runs, state, f"{self.name}.{side}", factor, np.maximum(part, 0.0) / self.ticks)
            for side, part in (("gains", move), ("losses", -move))
        )
        moved = np.where((place >= self.ticks) & (gains + losses > 0), gains + losses, np.nan)
        return [100.0 * gains / moved]


def nth(runs: Runs, state: State, name: str) -> Array:
    """How many ticks of its symbol came before each row; ``name`` is the count's field."""
    counts = state[name][runs.slots]
    state[name][runs.slots] = counts + runs.lengths
    before: Array = counts[runs.group] + np.arange(len(runs)) - runs.starts[runs.group]
    return before


def carried(runs: Runs, state: State, name: str, factor: Array, term: Array) -> Array:
    """The recurrence y = factor * y + term, carried in the field ``name``."""
    values, last = scan(runs, state[name][runs.slots], factor, term)
    state[name][runs.slots] = last
    return values


def _windowed(kind: str, formula: Formula, more: int = 0, columns: Sequence[str] = ()) -> Factory:
    def made(length: str) -> Indicator:
        name = f"{kind}_{length}"
        names = tuple(f"{name}_{column}" for column in columns) or (name,)
        if length.isdigit():
            return Windowed(names, formula, _ticks(name, length), more=more)
        return Windowed(names, formula, MOST, time=_time(name, length), more=more)

    return made


def _ticks(name: str, length: str) -> int:
    if not (length.isdigit() and 2 <= int(length) <= LONGEST):
        raise ValueError(f"indicator {name!r}: write a number of ticks from 2 to {LONGEST}")
    return int(length)


def _time(name: str, length: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,4}[smhd]", length):
        raise ValueError(f"indicator {name!r}: write a number of ticks or a time such as 90s, 5m")
    return span(length)


BUILT_IN: Mapping[str, Factory] = {
    "sma": _windowed("sma", formulas.sma),
    "std": _windowed("std", formulas.std),
    "min": _windowed("min", formulas.lowest),
    "max": _windowed("max", formulas.highest),
    "bollinger": _windowed("bollinger", formulas.bollinger, columns=("middle", "upper", "lower")),
    "zscore": _windowed("zscore", formulas.zscore, more=1),
    "volatility": _windowed("volatility", formulas.volatility, more=1),
    "ema": lambda length: Ema(f"ema_{length}", _ticks(f"ema_{length}", length)),
    "rsi": lambda length: Rsi(f"rsi_{length}", _ticks(f"rsi_{length}", length)),
}


def as_json(columns: Mapping[str, Array], size: int) -> Array:
    """A JSON object a row, without what is NaN; None where there are no columns."""
    rows = np.full(size, None, dtype=object)
    if columns:
        names, values = list(columns), zip(*(c.tolist() for c in columns.values()), strict=True)
        rows[:] = [
            encode({n: v for n, v in zip(names, row, strict=True) if v == v}).decode()
            for row in values
        ]
    return rows


def indicator(name: str, factories: Mapping[str, Factory] = BUILT_IN) -> Indicator:
    """The indicator of a name such as ``rsi_14`` or ``sma_5m``. Raises ValueError."""
    kind, _, length = name.rpartition("_")
    if kind not in factories:
        known = ", ".join(sorted(factories))
        raise ValueError(f"indicator {name!r}: write KIND_LENGTH, such as rsi_14; kinds: {known}")
    return factories[kind](length)
