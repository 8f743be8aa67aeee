"""Several tapes as one, by event time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kcl_app.core.columns import Array
from producer.source import Ticks


def merged(tapes: Sequence[Iterator[Ticks]]) -> Iterator[Ticks]:
    """The ticks of all tapes in the order of time; at equal times in the order of the tapes.

    A tape's own order is kept: a tick that is late against one before it is as late
    in the whole. Holds one batch of each tape.
    """
    heads = [head for head in map(_Head, tapes) if head.fill()]
    while heads:
        until = min(int(head.order[-1]) for head in heads)
        parts = [head.take(until) for head in heads]
        order = np.argsort(np.concatenate([order for _, order in parts]), kind="stable")
        rows = [row for part, _ in parts for row in part.rows]
        times = np.concatenate([part.times for part, _ in parts])
        yield Ticks([rows[at] for at in order.tolist()], times[order])
        heads = [head for head in heads if head.fill()]


class _Head:
    """What was read of a tape and not yet given; ``order`` is the latest time so far."""

    def __init__(self, tape: Iterator[Ticks]) -> None:
        self.tape = tape
        self.ticks: Ticks | None = None
        self.order: Array = np.empty(0, dtype=np.int64)
        self.latest = np.iinfo(np.int64).min

    def fill(self) -> bool:
        """Read on where nothing is left; False at the tape's end."""
        while not len(self.order):
            self.ticks = next(self.tape, None)
            if self.ticks is None:
                return False
            self.order = np.maximum.accumulate(np.maximum(self.ticks.times, self.latest))
            self.latest = int(self.order[-1]) if len(self.order) else self.latest
        return True

    def take(self, until: int) -> tuple[Ticks, Array]:
        """The ticks whose order is at most ``until``."""
        assert self.ticks is not None
        upto = int(np.searchsorted(self.order, until, side="right"))
        taken, order = self.ticks.slice(0, upto), self.order[:upto]
        self.ticks = self.ticks.slice(upto, len(self.ticks))
        self.order = self.order[upto:]
        return taken, order
