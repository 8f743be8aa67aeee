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
from typing import Any

import numpy as np

from kcl_app.core.columns import Array, Columns, text
from kcl_app.core.event_time import SECOND, UNKNOWN, why_not
from kcl_app.core.exchange import LocalClock
from kcl_app.core.payload import Lines, parse, shown, split
from kcl_app.core.raw import (
    FLOATS,
    NOTIONAL_LIMIT,
    RANGES,
    Raw,
    bad_bar,
    bad_price,
    bad_symbol,
    bad_text,
    missing,
)
from kcl_app.core.records import Records

__all__ = ["FLOATS", "Decoded", "Decoder"]


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
        raw = Raw(parsed.payloads)
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

    def _ticks(self, raw: Raw, place: dict[str, Array]) -> Columns:
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

    def _wrong(self, raw: Raw) -> Array:
        """Where a payload breaks a rule."""
        wrong = raw.badly_named | (raw.at < self._earliest) | (raw.at >= self._end)
        for field, least, limit, _ in RANGES:
            column = raw.column(field)
            wrong |= ~((column >= least) & (column < limit)) & ~np.isnan(column)
        wrong |= np.isnan(raw.price) | (raw.price * raw.floats["volume"] > NOTIONAL_LIMIT)
        return wrong | raw.crossed | raw.hollow

    def _reason(self, raw: Raw, row: int) -> str:
        """The first rule that the payload breaks."""
        payload = raw.payloads[row]
        return (
            bad_symbol(raw.symbol[row])
            or self._bad_time(raw, row)
            or bad_price(raw, row)
            or bad_text(payload)
            or bad_bar(raw, row)
        )

    def _bad_time(self, raw: Raw, row: int) -> str:
        value, at = raw.times[row], raw.at[row]
        if value is None:
            return missing("timestamp")
        if at == UNKNOWN:
            return f"timestamp is {shown(value)}: {why_not(value)}"
        if self._earliest <= at < self._end:
            return ""
        first, last = self.years
        return f"timestamp is {shown(value)}: the year must lie in {first} to {last}"


def _year_begins(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND


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
