"""When a shard's cuts and checkpoints are due, by the monotonic clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """Seconds by the monotonic clock, and how far ahead of the sinks a shard may read."""

    cut_seconds: float = 60
    idle_seconds: float = 5
    checkpoint_seconds: float = 30
    checkpoint_cuts: int = 10
    cuts_in_flight: int = 3
    quiet_seconds: float = 3_600


class Clock:
    """When a shard's open cut began, and when it was last fed, saved and marked as quiet."""

    def __init__(self, pace: Pace, now: Callable[[], float]) -> None:
        self._pace = pace
        self._now = now
        self._began = self._fed = self._saved = self._marked = now()

    def fed(self, first: bool) -> None:
        """A part joins the open cut, its ``first`` one where it begins the cut."""
        if first:
            self._began = self._now()
        self._fed = self._now()

    def saved(self) -> None:
        """A checkpoint stands."""
        self._saved = self._now()

    def marked(self) -> None:
        """The shard was marked as quiet."""
        self._marked = self._now()

    def cut_due(self) -> str:
        """Why an open cut that has records is to be closed; empty where it isn't."""
        if self._now() - self._began >= self._pace.cut_seconds:
            return "age"
        return "idle" if self._now() - self._fed >= self._pace.idle_seconds else ""

    def checkpoint_due(self, cuts: int) -> bool:
        """Whether ``cuts`` finished cuts are to be checkpointed now."""
        waited = self._now() - self._saved >= self._pace.checkpoint_seconds
        return waited or cuts >= self._pace.checkpoint_cuts

    def mark_due(self) -> bool:
        return self._now() - self._marked >= self._pace.quiet_seconds
