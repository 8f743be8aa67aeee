"""Payloads as columns, and which rule a row breaks.

The ranges are those in which bars add up exactly: prices count in 1e-8, volumes in 1e-6.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from types import NoneType
from typing import Any

import numpy as np

from kcl_app.core.columns import Array, text
from kcl_app.core.event_time import instants
from kcl_app.core.payload import ALIASES, Payload, shown

LONGEST_SYMBOL = 64
LONGEST_TEXT = 128
LEAST_PRICE = 1e-8
PRICE_LIMIT = 1e9
VOLUME_LIMIT = 9e12
NOTIONAL_LIMIT = 1e17
KINDS = ("quote", "trade", "bar")
FLOATS = ("open", "high", "low", "previous_close", "change", "change_percent", "volume")
RANGES: tuple[tuple[str, float, float, str], ...] = (
    ("price", LEAST_PRICE, PRICE_LIMIT, "from 1e-8 to below 1e9"),
    ("open", 0.0, PRICE_LIMIT, "from 0 to below 1e9"),
    ("high", 0.0, PRICE_LIMIT, "from 0 to below 1e9"),
    ("low", 0.0, PRICE_LIMIT, "from 0 to below 1e9"),
    ("previous_close", 0.0, PRICE_LIMIT, "from 0 to below 1e9"),
    ("volume", 0.0, VOLUME_LIMIT, "from 0 to below 9e12"),
)
"""Field, least value, limit (exclusive), the range in words. A missing value is in range."""


class Raw:
    """Payloads as columns, before anything is refused."""

    def __init__(self, payloads: Sequence[Payload]) -> None:
        self.payloads = payloads
        self.symbol = _named(payloads, "symbol", [p.symbol for p in payloads])
        self.times = _named(payloads, "timestamp", [p.timestamp for p in payloads])
        self.at = instants(self.times) if payloads else np.zeros(0, dtype=np.int64)
        self.price = _numbers(_named(payloads, "price", [p.price for p in payloads]))
        self.floats = {
            "open": _numbers([p.open for p in payloads]),
            "high": _numbers([p.high for p in payloads]),
            "low": _numbers([p.low for p in payloads]),
            "previous_close": _numbers([p.previous_close for p in payloads]),
            "change": _numbers([p.change for p in payloads]),
            "change_percent": _numbers([p.change_percent for p in payloads]),
            "volume": _numbers([p.volume for p in payloads]),
        }
        kinds = [p.kind for p in payloads]
        self.kind = self._kinds(kinds)
        self._stated = not _absent(kinds)
        self.source = [p.source for p in payloads]
        self.id = _ids([p.id for p in payloads])
        self.badly_named = self._badly_named()

    def take(self, rows: Array) -> Raw:
        return Raw([self.payloads[row] for row in rows.tolist()])

    def column(self, name: str) -> Array:
        return self.price if name == "price" else self.floats[name]

    @property
    def crossed(self) -> Array:
        """A high below its low."""
        high, low = self.floats["high"], self.floats["low"]
        crossed: Array = (high < low) & (high > 0)
        return crossed

    @property
    def hollow(self) -> Array:
        """A bar with an open, high or low of zero."""
        low = np.fmin(np.fmin(self.floats["open"], self.floats["high"]), self.floats["low"])
        if not (low < LEAST_PRICE).any():
            return np.zeros(len(self.payloads), dtype=bool)
        hollow: Array = (self.kind == "bar") & (low < LEAST_PRICE)
        return hollow

    def _kinds(self, given: Sequence[str | None]) -> Array:
        """The kind as given or inferred; fills the price of a bar that has none with its middle."""
        quoted = ~np.isnan(self.floats["previous_close"])
        ranged = ~(np.isnan(self.floats["high"]) | np.isnan(self.floats["low"]))
        kinds = np.where(quoted, _QUOTE, np.where(ranged, _BAR, _TRADE))
        if not _absent(given):
            unstated = np.fromiter((kind is None for kind in given), bool, len(given))
            kinds = np.where(unstated, kinds, text(given))
        unpriced = np.isnan(self.price)
        if unpriced.any():
            rows = np.flatnonzero(unpriced & ranged & (kinds == "bar"))
            self.price[rows] = (self.floats["high"][rows] + self.floats["low"][rows]) / 2
        return kinds

    def _badly_named(self) -> Array:
        """Rows whose symbol, kind, source or id is no text that we keep."""
        bad = np.zeros(len(self.payloads), dtype=bool)
        if not _plain(self.symbol):
            strange = {s for s in set(self.symbol) if bad_symbol(s)}
            bad |= np.fromiter((s in strange for s in self.symbol), bool, len(bad))
        if self._stated and not set(self.kind.tolist()) <= set(KINDS):
            bad |= ~np.isin(self.kind.astype(str), KINDS)
        for column in (self.source, self.id):
            if _longest(column) > LONGEST_TEXT:
                bad |= np.fromiter((len(v or "") > LONGEST_TEXT for v in column), bool, len(bad))
        return bad


_QUOTE, _TRADE, _BAR = (np.array(kind, dtype=object) for kind in KINDS)


def _plain(symbols: Sequence[str | None]) -> bool:
    """Whether no symbol can break a rule, seen at one glance at all letters."""
    if not all(symbols) or _longest(symbols) > LONGEST_SYMBOL:
        return False
    letters = "".join(filter(None, symbols))
    return letters.isprintable() and " " not in letters


def _longest(column: Sequence[str | None]) -> int:
    return max(map(len, filter(None, column)), default=0)


def _named(payloads: Sequence[Payload], field: str, column: list[Any]) -> list[Any]:
    """The field's values, each under the first of its names that has one."""
    for name in ALIASES[field][1:]:
        if NoneType not in set(map(type, column)):
            break
        other = map(attrgetter(name), payloads)
        column = [a if a is not None else b for a, b in zip(column, other, strict=True)]
    return column


def _absent(column: Sequence[Any]) -> bool:
    """No value at all. Looks at one first, for telling text from None is slow."""
    return not column or (column[0] is None and column.count(None) == len(column))


def _numbers(column: Sequence[float | None]) -> Array:
    if _absent(column):
        return np.full(len(column), np.nan)
    try:
        return np.fromiter(column, np.float64, len(column))
    except TypeError:
        return np.array(column, dtype=np.float64)


def _ids(column: Sequence[Any]) -> Sequence[str | None]:
    if set(map(type, column)) <= {str, NoneType}:
        return column
    return [str(value) if isinstance(value, int) else value for value in column]


def missing(field: str) -> str:
    names = " or ".join(ALIASES.get(field, (field,)))
    return f"{field} is missing: give {names}"


def bad_symbol(symbol: str | None) -> str:
    if symbol is None:
        return missing("symbol")
    if not symbol.strip():
        return f"symbol is {shown(symbol)}: it must not be empty"
    if len(symbol) > LONGEST_SYMBOL:
        return f"symbol is {shown(symbol)}: at most {LONGEST_SYMBOL} characters are kept"
    if not symbol.isprintable() or symbol != symbol.strip():
        return f"symbol is {shown(symbol)}: no control characters, no blanks around it"
    return ""


def bad_price(raw: Raw, row: int) -> str:
    if np.isnan(raw.price[row]):
        return f"{missing('price')} (or high and low of a bar)"
    for field, least, limit, words in RANGES:
        value = raw.column(field)[row]
        if not (np.isnan(value) or least <= value < limit):
            return f"{field} is {value:.10g}: it must lie {words}"
    price, volume = raw.price[row], raw.floats["volume"][row]
    if price * volume > NOTIONAL_LIMIT:
        return f"price * volume is {price * volume:.3g}: above 1e17 bars would not add up"
    return ""


def bad_text(payload: Payload) -> str:
    if payload.kind is not None and payload.kind not in KINDS:
        return f"kind is {shown(payload.kind)}: it must be {', '.join(KINDS)}"
    for field in ("source", "id"):
        value = getattr(payload, field)
        if value is not None and len(str(value)) > LONGEST_TEXT:
            return f"{field} is {shown(value)}: at most {LONGEST_TEXT} characters are kept"
    return ""


def bad_bar(raw: Raw, row: int) -> str:
    high, low = raw.floats["high"][row], raw.floats["low"][row]
    if high < low:
        return f"high is {high:.10g}: it lies below low, {low:.10g}"
    return "open, high or low of a bar is 0: it must be above zero"
