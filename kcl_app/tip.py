"""Up to which arrival a shard is known to be read, while nothing comes.

Rules:
1. Arrivals are stamped by Kinesis' clock. A record's arrival, and what this host's monotonic
   clock counted since the record came, is never ahead of it: no host's time of day has a say.
2. An empty call that is not behind speaks of the moment at which it was fetched, and the
   KCL keeps fetched calls ready. Behind ``READY`` such calls in a row, the moment of the
   first one is surely past its own fetch and before the last one's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from kcl_app.core.event_time import SECOND

READY = 8
"""More calls than the KCL keeps ready: 3 fetched, one handed over, one on its way."""


class Tip:
    """``arrival`` is the newest that the shard's state knows of, in UTC microseconds; 0 is none.

    ``now`` is the monotonic clock in seconds.
    """

    def __init__(self, arrival: int, now: Callable[[], float]) -> None:
        self._now = now
        self._ahead = arrival - self._clock() if arrival else None
        self._empty: deque[int] = deque(maxlen=READY)

    def read(self, arrival: int) -> None:
        """Records came; ``arrival`` is their newest, in UTC microseconds."""
        ahead = arrival - self._clock()
        self._ahead = ahead if self._ahead is None else max(self._ahead, ahead)
        self._empty.clear()

    def empty(self, at_tip: bool) -> int | None:
        """A call came without records. The arrival up to which all is read; None if unknown."""
        if not at_tip:
            self._empty.clear()
            return None
        self._empty.append(self._clock())
        if len(self._empty) < READY or self._ahead is None:
            return None
        return self._ahead + self._empty[0]

    def _clock(self) -> int:
        """Microseconds of the monotonic clock."""
        return round(self._now() * SECOND)
