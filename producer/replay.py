"""The replay source: files as a tape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from producer import lean
from producer.files import stem
from producer.layout import ALIASES, KINDS, Layout, layout
from producer.merge import merged
from producer.readers import chunks
from producer.rows import Reading, ticks
from producer.source import Source, SourceError, Ticks

CHUNK_ROWS = 8192
LEAST_ROWS = 256
HELD_ROWS = 65_536
"""Rows in memory over all files, about."""


@dataclass
class ReplaySource(Source):
    """CSV (also .gz and .zip), JSON lines (also .gz) and Parquet files, merged by event time.

    Columns are recognised by name; ``map`` says of a field in which column it is.
    ``symbol`` is that of every row; without it and without a column, a file's name
    is. ``kind`` (quote, trade, bar) is by default what the columns say.
    ``timezone`` is that of times without one, ``time_format`` the strptime format of
    times that are not ISO 8601. ``header`` names the columns of CSV files that
    don't. ``limit`` ends the tape after so many ticks; 0 is no end.
    """

    files: list[str]
    map: dict[str, str] = field(default_factory=dict)
    symbol: str = ""
    kind: str = ""
    timezone: str = "UTC"
    time_format: str = ""
    header: list[str] = field(default_factory=list)
    limit: int = 0

    def __post_init__(self) -> None:
        if not self.files:
            raise SourceError("files: name at least one")
        if self.kind and self.kind not in KINDS:
            raise SourceError(f"kind = {self.kind}: one of {', '.join(KINDS)}")
        if self.limit < 0:
            raise SourceError(f"limit = {self.limit}: must not be negative")
        if unknown := set(self.map) - set(ALIASES):
            raise SourceError(f"--map {min(unknown)}: no such field; fields: {', '.join(ALIASES)}")
        try:
            self._zone = ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as wrong:
            raise SourceError(f"timezone = {self.timezone}: no IANA time zone") from wrong

    def total(self) -> int | None:
        return self.limit or None

    def batches(self) -> Iterator[Ticks]:
        """The files' ticks. Before the first of them the beginning of every file was read, so
        that a file which is no tape at all is refused before anything is published."""
        tapes = [_begun(self._tape(path)) for path in self.files]
        left = self.limit
        for batch in merged(tapes):
            if not self.limit:
                yield batch
            elif left:
                yield batch.slice(0, left)
                left -= min(len(batch), left)
            else:
                return

    def _tape(self, path: str) -> Iterator[Ticks]:
        size = max(LEAST_ROWS, min(CHUNK_ROWS, HELD_ROWS // len(self.files)))
        foreign = lean.recognised(path)
        if foreign and not self.header and not self.map:
            yield from foreign.tape(size, self.symbol)
            return
        reading = Reading(self.symbol or stem(path), self.kind, self._zone, self.time_format)
        known: dict[tuple[str, ...], Layout] = {}
        for chunk in chunks(path, size, self.header):
            names = tuple(chunk.columns)
            if names not in known:
                known[names] = self._layout(path, names, first=not known)
            yield ticks(chunk, known[names], reading)

    def _layout(self, path: str, names: Sequence[str], first: bool) -> Layout:
        found = layout(path, names, self.map)
        if self.symbol:
            columns = {f: c for f, c in found.columns.items() if f != "symbol"}
            found = Layout(columns, found.clock, found.unused)
        if first and found.unused:
            self.say(f"{Path(path).name}: columns not sent: {', '.join(found.unused)}")
        return found


def _begun(tape: Iterator[Ticks]) -> Iterator[Ticks]:
    """The same tape, its first batch read by now."""
    first = next(tape, None)
    return iter(()) if first is None else chain([first], tape)
