"""When a record of a tape arrives: the newest event time that the tape has reached.

A tape knows no arrival of its own: what a file system or a bucket says changes with every
copy. Made of event times, arrivals are the same at every reading, wherever the tape lies.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from kcl_app.core.columns import Array
from kcl_app.core.event_time import SECOND


class Arrivals:
    """Event times outside the market's ``years`` (first, last) do not count."""

    def __init__(self, years: tuple[int, int]) -> None:
        first, last = years
        self._first, self._end = _year(first), _year(last + 1)
        self._newest = self._first

    def of(self, times: Array) -> Array:
        """The arrivals of the next records, by their event times (UTC microseconds)."""
        known = np.where((times >= self._first) & (times < self._end), times, self._first)
        arrivals: Array = np.maximum.accumulate(np.maximum(known, self._newest))
        if len(arrivals):
            self._newest = int(arrivals[-1])
        return arrivals


def _year(year: int) -> int:
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * SECOND
