"""The exchange's local clock, in columns.

Offsets are looked up once a quarter of an hour: since 1970 no zone has changed its
clock at any other moment.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from kcl_app.core.columns import Array

QUARTER = 900 * 1_000_000
MINUTE = 60 * 1_000_000
_KEPT = 100_000
_NEAR = 512


class LocalClock:
    """Local date, hour and minute of UTC microseconds in an IANA zone."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self._offsets: dict[int, int] = {}

    def columns(self, instants: Array) -> dict[str, Array]:
        """``exchange_date`` (days since 1970), ``exchange_hour``, ``exchange_minute``: int32."""
        minutes = (instants + self.offsets(instants)) // MINUTE
        days = minutes // 1440
        rest = (minutes - days * 1440).astype(np.int32)
        hours = rest // 60
        return {
            "exchange_date": days.astype(np.int32),
            "exchange_hour": hours,
            "exchange_minute": rest - hours * 60,
        }

    def offsets(self, instants: Array) -> Array:
        """Local minus UTC in microseconds."""
        if not len(instants):
            return np.zeros(0, dtype=np.int64)
        quarters = instants // QUARTER
        first, last = int(quarters.min()), int(quarters.max())
        if last - first < _NEAR:
            near = range(first, last + 1)
            offsets: Array = self._table(near)[quarters - first]
            return offsets
        some, where = np.unique(quarters, return_inverse=True)
        offsets = self._table(some.tolist())[where]
        return offsets

    def _table(self, quarters: Iterable[int]) -> Array:
        return np.array([self._offset(q) for q in quarters], dtype=np.int64)

    def _offset(self, quarter: int) -> int:
        known = self._offsets.get(quarter)
        if known is not None:
            return known
        if len(self._offsets) >= _KEPT:
            self._offsets.clear()
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=quarter * 900)
        ahead = moment.astimezone(self.zone).utcoffset() or timedelta()
        offset = self._offsets[quarter] = ahead // timedelta(microseconds=1)
        return offset
