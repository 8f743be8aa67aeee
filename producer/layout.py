"""Which column of a file is which field of a tick."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from producer.source import SourceError

NUMBERS = (
    "price", "open", "high", "low", "previous_close", "change", "change_percent", "volume",
)  # fmt: skip
ALIASES: Mapping[str, Sequence[str]] = {
    "timestamp": (
        "timestamp", "ts", "timestamp_ms", "timestamp_us", "timestamp_ns", "timestamp_s",
        "datetime", "date_time", "event_time", "time", "date",
    ),
    "symbol": ("symbol", "ticker", "sym", "name"),
    "price": ("price", "close", "last", "last_price", "value"),
    "open": ("open", "open_price"),
    "high": ("high", "high_price"),
    "low": ("low", "low_price"),
    "previous_close": ("previous_close", "prev_close", "previousclose", "prevclose"),
    "change": ("change",),
    "change_percent": ("change_percent", "change_pct", "pct_change", "changepercent"),
    "volume": ("volume", "size", "quantity", "qty", "vol"),
    "kind": ("kind",),
    "source": ("source",),
}  # fmt: skip
KINDS = ("quote", "trade", "bar")


@dataclass(frozen=True)
class Layout:
    """``columns`` maps a field to its column; ``clock`` is the column of the time of day where
    ``timestamp`` holds only the date; ``unused`` are columns that are no field."""

    columns: Mapping[str, str]
    clock: str
    unused: Sequence[str]

    @property
    def kind(self) -> str:
        """What the columns say the ticks are."""
        if "previous_close" in self.columns:
            return "quote"
        return "bar" if {"high", "low"} <= set(self.columns) else "trade"

    @property
    def numbers(self) -> list[str]:
        return [field for field in NUMBERS if field in self.columns]


def layout(path: str, names: Sequence[str], given: Mapping[str, str]) -> Layout:
    """The layout of a file with these columns; ``given`` maps fields to columns and wins.

    Raises SourceError where a field of ``given`` or its column doesn't exist, or
    where there is neither time nor price.
    """
    columns = _given(path, names, given)
    plain = {_plain(name): name for name in reversed(names)}
    for field, aliases in ALIASES.items():
        hit = next((plain[alias] for alias in aliases if alias in plain), None)
        if field not in columns and hit is not None:
            columns[field] = hit
    clock = ""
    if (
        {"date", "time"} <= set(plain)
        and columns["timestamp"] == plain["time"]
        and not given.get("timestamp")
    ):
        clock, columns["timestamp"] = plain["time"], plain["date"]
    _complete(path, names, columns)
    used = {*columns.values(), clock}
    return Layout(columns, clock, [name for name in names if name not in used])


def _given(path: str, names: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    for field, column in given.items():
        if field not in ALIASES:
            raise SourceError(
                f"--map {field}={column}: no such field; fields: {', '.join(ALIASES)}"
            )
        if column not in names:
            raise SourceError(f"{path}: there is no column {column}; {_has(names)}")
    return dict(given)


def _complete(path: str, names: Sequence[str], columns: Iterable[str]) -> None:
    fields = set(columns)
    if "timestamp" not in fields:
        raise SourceError(
            f"{path}: no column for timestamp; {_has(names)}; say --map timestamp=COLUMN"
        )
    if "price" not in fields and not {"high", "low"} <= fields:
        raise SourceError(f"{path}: no column for price; {_has(names)}; say --map price=COLUMN")


def _has(names: Sequence[str]) -> str:
    return f"the file has {', '.join(names)[:500]}"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
