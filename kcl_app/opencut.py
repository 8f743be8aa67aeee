"""The cut being read: its parts, its limits, and the record it comes out as."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from kcl_app.core.columns import Array, Columns
from kcl_app.core.cut import CutRecord, ObjectEntry, Place, digest
from kcl_app.core.event_time import DAY
from kcl_app.core.flow import Fed
from kcl_app.core.position import Position
from kcl_app.core.records import Records
from kcl_app.core.tables import bars_to_arrow, to_arrow


@dataclass(frozen=True)
class Part:
    """Whole user records, decoded. ``record`` in the columns counts from ``base``."""

    records: Records
    ticks: Columns
    rejects: Columns
    base: int = 0

    def __len__(self) -> int:
        return len(self.records)

    def slice(self, start: int, stop: int) -> Part:
        """Records ``start`` to ``stop`` with their rows."""
        return Part(
            self.records.slice(start, stop),
            self._rows(self.ticks, start, stop),
            self._rows(self.rejects, start, stop),
            self.base + start,
        )

    def _rows(self, rows: Columns, start: int, stop: int) -> Columns:
        bounds = np.searchsorted(rows["record"], [self.base + start, self.base + stop])
        return rows.slice(int(bounds[0]), int(bounds[1]))

    def until(self, last: Position) -> int:
        """How many records stand at or before ``last``. Records are in stream order."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.position(middle) <= last else (low, middle)
        return low

    def position(self, index: int) -> Position:
        return self.records.position(index)


@dataclass(frozen=True)
class Limits:
    """When an open cut is full (seconds are the processor's business), and how many symbols
    stay in memory behind it."""

    records: int = 50_000
    bytes: int = 64_000_000
    dates: int = 32
    symbols: int = 50_000


@dataclass
class OpenCut:
    """Parts fed since the cut before. Rows are kept until their record stands."""

    parts: list[Part] = field(default_factory=list)
    fed: list[Fed] = field(default_factory=list)
    arrow: list[dict[str, pa.Table]] = field(default_factory=list)
    days: set[int] = field(default_factory=set)
    records: int = 0
    bytes: int = 0

    def add(self, part: Part, fed: Fed, tables: dict[str, pa.Table]) -> None:
        """``tables`` are the part's rows in Arrow, by table; those without rows are absent."""
        self.parts.append(part)
        self.fed.append(fed)
        self.arrow.append(tables)
        self.days.update(np.unique(part.ticks["timestamp"] // DAY).tolist())
        self.records += len(part)
        self.bytes += sum(map(len, part.records.data))

    def room(self, part: Part, limits: Limits) -> int:
        """How many of ``part``'s records still fit; at least one where the cut is empty."""
        fits = min(len(part), limits.records - self.records)
        fits = min(fits, self._within_bytes(part, limits.bytes - self.bytes))
        fits = min(fits, self._within_days(part, limits.dates))
        return max(fits, 0 if self.records else 1)

    def full(self, limits: Limits) -> bool:
        return (
            self.records >= limits.records
            or self.bytes >= limits.bytes
            or len(self.days) >= limits.dates
        )

    def _within_bytes(self, part: Part, left: int) -> int:
        if sum(map(len, part.records.data)) <= left:
            return len(part)
        sizes = np.cumsum([len(data) for data in part.records.data])
        return int(np.searchsorted(sizes, left, side="right"))

    def _within_days(self, part: Part, dates: int) -> int:
        days, first_rows = np.unique(part.ticks["timestamp"] // DAY, return_index=True)
        new = np.sort(first_rows[[day not in self.days for day in days.tolist()]])
        left = dates - len(self.days)
        if len(new) <= left:
            return len(part)
        return int(part.ticks["record"][new[left]]) - part.base

    def ticks(self) -> Columns:
        """All accepted ticks with their values, in stream order."""
        return Columns.joined([fed.ticks for fed in self.fed])

    def record(
        self,
        life: str,
        shard: str,
        after: Position | None,
        bars: dict[str, Columns],
        values: str,
        reason: str,
        symbols: int = 0,
    ) -> CutRecord:
        """The record that this cut is to be created as."""
        rejects = Columns.joined([part.rejects for part in self.parts])
        ticks = self.ticks()
        anomalies = Columns.joined([fed.anomalies for fed in self.fed])
        return CutRecord(
            life=life,
            shard=shard,
            after=Place.of(after) if after else None,
            first=Place.of(self.parts[0].position(0)),
            last=Place.of(self.parts[-1].position(len(self.parts[-1]) - 1)),
            records=self.records,
            rows=ticks.size,
            rejects=rejects.size,
            repeats=sum(fed.repeats for fed in self.fed),
            digest=self._digest(),
            objects=(
                *_entries("ticks", ticks, "timestamp"),
                *_entries("rejects", rejects, "arrival"),
                *_entries("anomalies", anomalies, "timestamp", derived=True),
                *(
                    entry
                    for interval, rows in bars.items()
                    for entry in _entries("bars", rows, "start", interval, derived=True)
                ),
            ),
            symbols=symbols,
            values=values,
            reason=reason,
        )

    def tables(self, shard: str, bars: dict[str, Columns]) -> dict[str, pa.Table]:
        """Arrow tables of the whole cut, as ``Batch`` wants them."""
        parts = {
            name: [tables[name] for tables in self.arrow if name in tables]
            for name in ("ticks", "anomalies", "rejects")
        }
        joined = {name: pa.concat_tables(tables) for name, tables in parts.items() if tables}
        return {**joined, "bars": bars_to_arrow(bars, shard)}

    def _digest(self) -> str:
        """Positions of ticks and rejects of every part, merged back into stream order."""
        sequences: list[str] = []
        subs: list[Array] = []
        lines: list[Array] = []
        for part, fed in zip(self.parts, self.fed, strict=True):
            order, both = _merged(fed.ticks, part.rejects)
            sequences += both["sequence"][order].tolist()
            subs.append(both["sub_sequence"][order])
            lines.append(both["line"][order])
        return digest(sequences, np.concatenate(subs), np.concatenate(lines))


def arrow_tables(shard: str, part: Part, fed: Fed) -> dict[str, pa.Table]:
    """The part's rows in the columns of ``core.schema``; tables without rows are absent."""
    rows = {"ticks": fed.ticks, "anomalies": fed.anomalies, "rejects": part.rejects}
    return {name: to_arrow(name, columns, shard) for name, columns in rows.items() if columns.size}


def _merged(ticks: Columns, rejects: Columns) -> tuple[Array, Columns]:
    names = ("record", "sequence", "sub_sequence", "line")
    both = [Columns({name: rows[name] for name in names}) for rows in (ticks, rejects)]
    if not rejects.size:
        return np.arange(ticks.size), both[0]
    joined = Columns.joined(both)
    return np.lexsort((joined["line"], joined["record"])), joined


def _entries(
    table: str, rows: Columns, time: str, interval: str = "", derived: bool = False
) -> list[ObjectEntry]:
    days, counts = np.unique(rows[time] // DAY, return_counts=True)
    return [
        ObjectEntry(table, str(np.datetime64(day, "D")), count, interval, derived)
        for day, count in zip(days.tolist(), counts.tolist(), strict=True)
    ]
