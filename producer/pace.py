"""Ticks let go as fast as their event times ran, or a multiple of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from producer.clock import Clock
from producer.source import Ticks

NAP_S = 1.0
"""The longest sleep at once, so that a wish to stop is heard where sleep can't be cut short."""


def paced(batches: Iterable[Ticks], speed: float | None, clock: Clock) -> Iterator[Ticks]:
    """The ticks of ``batches`` in slices, each when it is due.

    The first tick is due at once; a tick t seconds after it in event time, t /
    ``speed`` seconds later. Ticks that are late against one before are due with it.
    Without a speed all are due at once. Ends early when the clock says stop.
    """
    pace = Pace(speed, clock) if speed else None
    for ticks in batches:
        yield from pace.slices(ticks) if pace else (ticks,)
        if clock.stopped():
            return


class Pace:
    def __init__(self, speed: float, clock: Clock) -> None:
        self.speed = speed
        self.clock = clock
        self.began = 0.0
        self.first: int | None = None
        self.latest = 0

    def slices(self, ticks: Ticks) -> Iterator[Ticks]:
        if not len(ticks):
            yield ticks
            return
        self._begin(int(ticks.times[0]))
        due = np.maximum.accumulate(np.maximum(ticks.times, self.latest))
        self.latest = int(due[-1])
        sent = 0
        while sent < len(ticks) and not self.clock.stopped():
            upto = int(np.searchsorted(due, self._reached(), side="right"))
            if upto > sent:
                yield ticks.slice(sent, upto)
                sent = upto
            else:
                self.clock.wait(min(self._seconds_until(int(due[sent])), NAP_S))

    def _begin(self, time: int) -> None:
        if self.first is None:
            self.first = self.latest = time
            self.began = self.clock.monotonic()

    def _reached(self) -> int:
        """The event time that is due by now."""
        assert self.first is not None
        return self.first + int((self.clock.monotonic() - self.began) * self.speed * 1e6)

    def _seconds_until(self, time: int) -> float:
        """At least a microsecond of event time and a millisecond of ours, so that it advances."""
        return max((time - self._reached()) / 1e6 / self.speed, 0.001)
