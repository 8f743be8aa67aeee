"""When an exchange trades: its local hours, on weekdays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from kcl_app.core.columns import Array
from producer.times import EPOCH, MICROSECOND


@dataclass(frozen=True)
class Session:
    """The regular session of an exchange in ``zone``. Holidays are not known here."""

    zone: ZoneInfo
    opens: time = time(9, 30)
    closes: time = time(16, 0)

    def days(self, start: date) -> Iterator[date]:
        """The weekdays from ``start`` on."""
        day = start
        while True:
            if day.weekday() < 5:
                yield day
            day += timedelta(days=1)

    def steps(self, interval_us: int) -> int:
        """How many steps of ``interval_us`` microseconds begin within a session."""
        length = datetime.combine(date.min, self.closes) - datetime.combine(date.min, self.opens)
        return -(-(length // MICROSECOND) // interval_us)

    def times(self, day: date, interval_us: int) -> Array:
        """The beginnings of the day's steps, int64 microseconds since 1970 UTC."""
        opening = datetime.combine(day, self.opens, self.zone)
        first = (opening - EPOCH) // MICROSECOND
        return first + interval_us * np.arange(self.steps(interval_us), dtype=np.int64)
