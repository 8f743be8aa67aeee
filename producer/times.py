"""Event times as files and feeds write them, to microseconds since 1970 UTC.

Numbers are epochs whose unit follows from their size (below 1e11 seconds, below
1e14 milliseconds, below 1e17 microseconds, else nanoseconds), but eight digits
from 19000101 on are a date. Text is ISO 8601, with a zone or without.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any, Literal

import numpy as np

from kcl_app.core.columns import Array

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
EARLIEST = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LATEST = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND


class NotATime(ValueError):
    """``index`` is the place of the value that is no time."""

    def __init__(self, index: int, value: Any, why: str = "is not a time") -> None:
        super().__init__(f"{str(value)[:80]!r} {why}")
        self.index = index


def microseconds(values: Sequence[Any], zone: tzinfo = UTC, form: str = "") -> Array:
    """int64 of ``values``: datetimes, dates, epoch numbers, or text of either.

    ``zone`` is that of times without one; where its clocks are put back, the first
    of two equal times is meant. ``form`` is a strptime format for text that is not
    ISO 8601. Raises NotATime.
    """
    times = np.empty(len(values), dtype=np.int64)
    for index, value in enumerate(values):
        try:
            times[index] = _microsecond(value, zone, form)
        except (ValueError, OverflowError, TypeError) as wrong:
            raise NotATime(index, value) from wrong
    return times


def _microsecond(value: Any, zone: tzinfo, form: str) -> int:
    if isinstance(value, str):
        text = value.strip()
        if form:
            return _since_epoch(datetime.strptime(text, form), zone)
        if _numeric(text):
            return _epoch(int(text) if "." not in text else float(text), zone)
        return _since_epoch(datetime.fromisoformat(text), zone)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, datetime):
        return _since_epoch(value, zone)
    if isinstance(value, date):
        return _since_epoch(datetime(value.year, value.month, value.day), zone)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("neither number, text nor time")
    return _epoch(value, zone)


def _numeric(text: str) -> bool:
    digits = text[1:] if text[:1] in "+-" else text
    return digits.isascii() and digits.replace(".", "", 1).isdigit()


def _epoch(number: int | float, zone: tzinfo) -> int:
    if not math.isfinite(number):
        raise ValueError("not finite")
    size = abs(number)
    if 19000101 <= number <= 21991231 and isinstance(number, int):
        return _since_epoch(datetime.strptime(str(number), "%Y%m%d"), zone)
    if size < 1e11:
        exact = number * 1_000_000
    elif size < 1e14:
        exact = number * 1_000
    elif size < 1e17:
        exact = number
    else:
        exact = number // 1_000
    return _within(round(exact))


def _since_epoch(time: datetime, zone: tzinfo) -> int:
    aware = time if time.tzinfo else time.replace(tzinfo=zone)
    return (aware - EPOCH) // MICROSECOND


def _within(microsecond: int) -> int:
    if not EARLIEST <= microsecond <= LATEST:
        raise ValueError("outside the years 1 to 9999")
    return microsecond


def iso(times: Array) -> list[str]:
    """``2025-01-31T15:04:05Z``, with as many decimals as some of the times need."""
    if not len(times):
        return []
    stamps: np.ndarray[Any, np.dtype[np.datetime64]] = times.astype("datetime64[us]")
    text = np.datetime_as_string(stamps, unit=_unit(times), timezone="UTC")
    found: list[str] = text.tolist()
    return found


def _unit(times: Array) -> Literal["s", "ms", "us"]:
    if not (times % 1_000_000).any():
        return "s"
    return "us" if (times % 1_000).any() else "ms"
