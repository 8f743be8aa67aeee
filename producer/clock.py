"""Time from outside, so that nothing here reads it by itself; and the wish to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType


def _never() -> bool:
    return False


@dataclass
class Clock:
    """``now`` is seconds since 1970, ``monotonic`` seconds that never run backwards.

    ``sleep(seconds)`` sleeps; ``wait(seconds)`` does, too, but ends early when the run is
    asked to stop, which ``stopped()`` says.
    """

    now: Callable[[], float] = field(default=time.time)
    monotonic: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], object] = field(default=time.sleep)
    wait: Callable[[float], object] = field(default=time.sleep)
    stopped: Callable[[], bool] = field(default=_never)


@contextmanager
def until_signalled() -> Iterator[Clock]:
    """The real clock; the first SIGINT or SIGTERM asks to stop, a second one interrupts.

    Only the main thread may enter; the former handlers come back at the end.
    """
    stop = threading.Event()

    def asked(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    former = {n: signal.signal(n, asked) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield Clock(wait=stop.wait, stopped=stop.is_set)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
