"""Records to ticks and rejects: the door. Nothing that comes in makes it raise.

Rules:
1. Every line becomes one tick or one reject; a reject keeps its bytes and its reason.
2. A value out of its range rejects the line. The ranges are those in which bars add up
   exactly: prices are counted in 1e-8, volumes in 1e-6 (``RANGES``).
3. Symbols are kept as written: ``brk.b`` and ``BRK.B`` are two.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from types import NoneType
from typing import Any

import numpy as np

from kcl_app.core.columns import Array, Columns, text
from kcl_app.core.event_time import SECOND, UNKNOWN, instants, why_not
from kcl_app.core.exchange import LocalClock
from kcl_app.core.payload import ALIASES, Lines, Payload, parse, shown, split
from kcl_app.core.records import Records

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


@dataclass(frozen=True, slots=True)
class Decoded:
    """``ticks`` and ``rejects``, each in order of (record, line)."""

    ticks: Columns
    rejects: Columns


class Decoder:
    """Reads records. ``zone`` is the exchange's; times outside the years are rejects."""

    def __init__(self, zone: str, earliest_year: int, latest_year: int) -> None:
        self.clock = LocalClock(zone)
        self.years = (earliest_year, latest_year)
        self._earliest = _year_begins(earliest_year)
        self._end = _year_begins(latest_year + 1)

    def decode(self, records: Records) -> Decoded:
        """Ticks in the columns of the table up to ``exchange_minute``, then the place.

        Times are int64 microseconds, ``exchange_date`` days since 1970, ``record`` the
        index into ``records``.
        """
        lines = split(records.data)
        parsed = parse(lines.data)
        raw = _Raw(parsed.payloads)
        good, bad = parsed.good, parsed.bad
        wrong = self._wrong(raw)
        if wrong.any():
            for row in np.flatnonzero(wrong).tolist():
                bad[good[row] if good is not None else row] = self._reason(raw, row)
            kept = np.flatnonzero(~wrong)
            raw = raw.take(kept)
            good = kept.tolist() if good is None else [good[row] for row in kept.tolist()]
        place = _place(records, lines, good)
        return Decoded(self._ticks(raw, place), _rejects(records, lines, bad))

    def _ticks(self, raw: _Raw, place: dict[str, Array]) -> Columns:
        return Columns(
            {
                "symbol": text(raw.symbol),
                "timestamp": raw.at,
                "price": raw.price,
                **{name: raw.floats[name] for name in FLOATS},
                "kind": raw.kind,
                "source": text(raw.source),
                "id": text(raw.id),
                **self.clock.columns(raw.at),
                **place,
            }
        )

    def _wrong(self, raw: _Raw) -> Array:
        """Where a payload breaks a rule."""
        wrong = raw.badly_named | (raw.at < self._earliest) | (raw.at >= self._end)
        for field, least, limit, _ in RANGES:
            column = raw.column(field)
            wrong |= ~((column >= least) & (column < limit)) & ~np.isnan(column)
        wrong |= np.isnan(raw.price) | (raw.price * raw.floats["volume"] > NOTIONAL_LIMIT)
        return wrong | raw.crossed | raw.hollow

    def _reason(self, raw: _Raw, row: int) -> str:
        """The first rule that the payload breaks."""
        payload = raw.payloads[row]
        return (
            _bad_symbol(raw.symbol[row])
            or self._bad_time(raw, row)
            or _bad_price(raw, row)
            or _bad_text(payload)
            or _bad_bar(raw, row)
        )

    def _bad_time(self, raw: _Raw, row: int) -> str:
        value, at = raw.times[row], raw.at[row]
        if value is None:
            return _missing("timestamp")
        if at == UNKNOWN:
            return f"timestamp is {shown(value)}: {why_not(value)}"
        if self._earliest <= at < self._end:
            return ""
        first, last = self.years
        return f"timestamp is {shown(value)}: the year must lie in {first} to {last}"


class _Raw:
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
        self.kind = self._kinds([p.kind for p in payloads])
        self.source = [p.source for p in payloads]
        self.id = _ids([p.id for p in payloads])
        self.badly_named = self._badly_named()

    def take(self, rows: Array) -> _Raw:
        return _Raw([self.payloads[row] for row in rows.tolist()])

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
        strange = {s for s in set(self.symbol) if _bad_symbol(s)}
        if strange:
            bad |= np.fromiter((s in strange for s in self.symbol), bool, len(bad))
        if not set(self.kind.tolist()) <= set(KINDS):
            bad |= ~np.isin(self.kind.astype(str), KINDS)
        for column in (self.source, self.id):
            if _longest(column) > LONGEST_TEXT:
                bad |= np.fromiter((len(v or "") > LONGEST_TEXT for v in column), bool, len(bad))
        return bad


_QUOTE, _TRADE, _BAR = (np.array(kind, dtype=object) for kind in KINDS)


def _year_begins(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND


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


def _missing(field: str) -> str:
    names = " or ".join(ALIASES.get(field, (field,)))
    return f"{field} is missing: give {names}"


def _bad_symbol(symbol: str | None) -> str:
    if symbol is None:
        return _missing("symbol")
    if not symbol.strip():
        return f"symbol is {shown(symbol)}: it must not be empty"
    if len(symbol) > LONGEST_SYMBOL:
        return f"symbol is {shown(symbol)}: at most {LONGEST_SYMBOL} characters are kept"
    if not symbol.isprintable() or symbol != symbol.strip():
        return f"symbol is {shown(symbol)}: no control characters, no blanks around it"
    return ""


def _bad_price(raw: _Raw, row: int) -> str:
    if np.isnan(raw.price[row]):
        return f"{_missing('price')} (or high and low of a bar)"
    for field, least, limit, words in RANGES:
        value = raw.column(field)[row]
        if not (np.isnan(value) or least <= value < limit):
            return f"{field} is {value:.10g}: it must lie {words}"
    price, volume = raw.price[row], raw.floats["volume"][row]
    if price * volume > NOTIONAL_LIMIT:
        return f"price * volume is {price * volume:.3g}: above 1e17 bars would not add up"
    return ""


def _bad_text(payload: Payload) -> str:
    if payload.kind is not None and payload.kind not in KINDS:
        return f"kind is {shown(payload.kind)}: it must be {', '.join(KINDS)}"
    for field in ("source", "id"):
        value = getattr(payload, field)
        if value is not None and len(str(value)) > LONGEST_TEXT:
            return f"{field} is {shown(value)}: at most {LONGEST_TEXT} characters are kept"
    return ""


def _bad_bar(raw: _Raw, row: int) -> str:
    high, low = raw.floats["high"][row], raw.floats["low"][row]
    if high < low:
        return f"high is {high:.10g}: it lies below low, {low:.10g}"
    return "open, high or low of a bar is 0: it must be above zero"


def _place(records: Records, lines: Lines, good: Sequence[int] | None) -> dict[str, Array]:
    """Arrival and position of the lines ``good``; of all without."""
    rows: Any = slice(None) if good is None else np.array(good, dtype=np.int64)
    plain = good is None and lines.data is records.data
    every = np.arange(len(records), dtype=np.int32)
    owner = every if plain else np.array(lines.record, dtype=np.int32)[rows]
    line = np.zeros_like(every) if plain else np.array(lines.line, dtype=np.int32)[rows]
    of: Any = slice(None) if plain else owner
    return {
        "arrival": np.array(records.arrivals, dtype=np.int64)[of] * 1000,
        "sequence": text(records.sequences)[of],
        "sub_sequence": np.array(records.subs, dtype=np.int64)[of],
        "line": line,
        "record": owner,
    }


def _rejects(records: Records, lines: Lines, bad: Mapping[int, str]) -> Columns:
    """The bad lines. They are few: nothing here is done for all records."""
    rows = sorted(bad)
    owner = [lines.record[row] for row in rows]
    data = np.empty(len(rows), dtype=object)
    data[:] = [lines.data[row] for row in rows]
    return Columns(
        {
            "reason": text([bad[row] for row in rows]),
            "data": data,
            "partition_key": text([records.keys[at] for at in owner]),
            "arrival": np.array([records.arrivals[at] for at in owner], dtype=np.int64) * 1000,
            "sequence": text([records.sequences[at] for at in owner]),
            "sub_sequence": np.array([records.subs[at] for at in owner], dtype=np.int64),
            "line": np.array([lines.line[row] for row in rows], dtype=np.int32),
            "record": np.array(owner, dtype=np.int32),
        }
    )
