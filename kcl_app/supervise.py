"""Keeping one program running: start, watch, begin anew, stop.

Rules:
1. It ended and nobody asked: begin anew after a delay that grows with every fast
   failure and is forgotten after a good run.
2. Too many fast failures in a row: give up, with the reason it left.
3. Asked to stop once: the program gets SIGTERM, it alone, and a deadline. Asked
   twice, at the deadline, or when it has nothing left to do: its group is killed.
4. After every end the group is killed before the next start: nothing it started
   outlives it.
5. A program that is known to be about to fail is not waited for.
6. Whatever happens (a signal, an end) is an event in one queue, handled in one place.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from queue import Empty, SimpleQueue

from kcl_app.jvm import kill_group

log = logging.getLogger("tapeline.worker")

LOOK_S = 0.2
"""How often a program that is stopping is looked at."""
IDLE_LOOKS = 3
"""Looks in a row that must find nothing left to do."""


class Event(Enum):
    STOP = auto()
    ENDED = auto()
    DOOMED = auto()


class GaveUp(Exception):
    """The program failed too often, too fast. The text holds the last reason."""


@dataclass
class Backoff:
    """How long to wait before the next start. Seconds throughout."""

    first_s: float = 0.5
    ceiling_s: float = 60.0
    good_run_s: float = 60.0
    limit: int = 6
    failures: int = field(default=0, init=False)

    def after(self, ran_s: float) -> float | None:
        """The delay after a run of ``ran_s``; None: give up. A good run wipes the slate."""
        self.failures = 1 if ran_s >= self.good_run_s else self.failures + 1
        if self.failures >= self.limit:
            return None
        return float(min(self.ceiling_s, self.first_s * 2 ** (self.failures - 1)))


class Supervisor:
    """Runs what ``start`` starts, until asked to stop or ``backoff`` gives up.

    ``start`` returns a process that leads its own group; ``reason(code)`` says why it
    ended, in a sentence; ``done(pid)`` whether a program asked to stop has nothing left
    to do. ``wait(events, seconds)`` gives the next event, or None when the time is over.
    """

    def __init__(
        self,
        start: Callable[[], subprocess.Popen[bytes]],
        reason: Callable[[int], str],
        backoff: Backoff,
        grace_s: float,
        done: Callable[[int], bool] = lambda pid: False,
        now: Callable[[], float] = time.monotonic,
        wait: Callable[[SimpleQueue[Event], float | None], Event | None] | None = None,
    ) -> None:
        self._start = start
        self._reason = reason
        self._backoff = backoff
        self._grace_s = grace_s
        self._done = done
        self._now = now
        self._wait = wait or next_event
        self._events: SimpleQueue[Event] = SimpleQueue()

    def stop(self) -> None:
        """Ask to stop; a second time: kill. Safe in signal handlers and other threads."""
        self._events.put(Event.STOP)

    def give_up_on_this_run(self) -> None:
        """The program will fail, only later: end it now. Safe in other threads."""
        self._events.put(Event.DOOMED)

    def run(self) -> None:
        """Returns when stopped as asked. Raises GaveUp, or what ``start`` raises."""
        while True:
            began = self._now()
            code, asked = self._attempt()
            if asked:
                log.info("stopped")
                return
            delay = self._delay_after(self._now() - began, self._reason(code))
            if self._stopped_within(delay):
                log.info("stopped before the next start")
                return

    def _stopped_within(self, delay: float) -> bool:
        until = self._now() + delay
        while (event := self._wait(self._events, max(0.0, until - self._now()))) is not None:
            if event is Event.STOP:
                return True
        return False

    def _attempt(self) -> tuple[int, bool]:
        """One run: its code, and whether it was asked to stop."""
        program = self._start()
        watcher = threading.Thread(target=self._watch, args=(program.pid,), daemon=True)
        watcher.start()
        asked = self._wait(self._events, None) is Event.STOP
        if asked:
            self._end(program)
        kill_group(program.pid)
        watcher.join()
        return program.wait(), asked

    def _end(self, program: subprocess.Popen[bytes]) -> None:
        """SIGTERM, then wait for the end, a second request, idleness or the deadline."""
        log.info("stopping; the shards get up to %g s to finish", self._grace_s)
        program.send_signal(signal.SIGTERM)
        deadline = self._now() + self._grace_s
        idle = 0
        while idle < IDLE_LOOKS:
            if self._now() >= deadline:
                log.warning("killed: not finished after %g s", self._grace_s)
                return
            event = self._wait(self._events, LOOK_S)
            if event is not None:
                return
            idle = idle + 1 if self._done(program.pid) else 0

    def _watch(self, pid: int) -> None:
        """Tell of the end without reaping, so that the pid stays the program's until killed."""
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self._events.put(Event.ENDED)

    def _delay_after(self, ran_s: float, reason: str) -> float:
        delay = self._backoff.after(ran_s)
        if delay is None:
            raise GaveUp(
                f"it failed {self._backoff.failures} times in a row, each within "
                f"{self._backoff.good_run_s:g} s of its start. The last time {reason}"
            )
        log.error("ended after %.1f s: %s; starting again in %g s", ran_s, reason, delay)
        return delay


def next_event(events: SimpleQueue[Event], timeout: float | None) -> Event | None:
    try:
        return events.get(timeout=timeout)
    except Empty:
        return None
