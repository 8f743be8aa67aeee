"""Waiting for what must come, with an end to it."""

from __future__ import annotations

import time
from collections.abc import Callable

LOOK_S = 0.2


class Stuck(Exception):
    """What was waited for did not come. The text says what."""


def until[T](true: Callable[[], T], within_s: float, what: str) -> T:
    """What ``true`` answers, once that is true. Raises Stuck."""
    deadline = time.monotonic() + within_s
    while not (answer := true()):
        if time.monotonic() > deadline:
            raise Stuck(f"waited {within_s:g} s for {what}")
        time.sleep(LOOK_S)
    return answer
