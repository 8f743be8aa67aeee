"""Ctrl-C once ends the road; again, it ends sooner. Never does it cut an ending short."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """While entered: the first signal raises KeyboardInterrupt in the main thread, every
    further one calls what ``hurry`` was given. Only the main thread may enter."""

    def __init__(self) -> None:
        self.number = 0
        """The first signal that came."""
        self._ending = False
        self._sheltered = False
        self._hurries: list[Callable[[], object]] = []
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._former = {number: signal.signal(number, self._heard) for number in HEARD}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    def hurry(self, sooner: Callable[[], object]) -> None:
        """Call ``sooner`` when a signal comes while something is ending already."""
        self._hurries.append(sooner)

    def ending(self) -> None:
        """From now on nothing is interrupted, only hurried."""
        self._ending = True

    @contextmanager
    def shelter(self) -> Iterator[None]:
        """A signal in this block hurries, and is raised at its end: what the block starts is
        known by then, what it ends is gone."""
        self._sheltered = True
        try:
            yield
        finally:
            self._sheltered = False
        if self.number and not self._ending:
            self._interrupt()

    def _heard(self, number: int, frame: FrameType | None) -> None:
        first = not self.number
        self.number = self.number or number
        if self._ending or self._sheltered:
            for sooner in self._hurries:
                sooner()
        elif first:
            self._interrupt()

    def _interrupt(self) -> None:
        self._ending = True
        raise KeyboardInterrupt
