"""Workers as actors on one stage: one moves at a time, and who is next is drawn.

Every call that leaves a worker (store, sinks, checkpoint, next callback) passes its
gate. There it stands until the schedule lets it go on, or kills it. So any
interleaving of workers, and a crash between any two calls, can be played, and
the same draw plays it again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Killed(BaseException):
    """A crash, as the worker's own code sees it: not an Exception, nothing handles it."""


class Actor:
    """Runs ``play`` in a thread that only moves while ``go`` waits for it."""

    def __init__(self, play: Callable[[Actor], None]) -> None:
        self._play = play
        self._turn = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._killed = False
        self.at = "start"
        self.done = False
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def gate(self, at: str) -> None:
        """Called by the worker before ``at`` happens."""
        self.at = at
        self._back.release()
        self._turn.acquire()
        if self._killed:
            raise Killed(at)

    def go(self) -> None:
        """Let the worker do what it stands before, up to its next gate or its end."""
        if not self.done:
            self._turn.release()
            self._back.acquire()

    def kill(self) -> None:
        """Crash the worker where it stands."""
        self._killed = True
        self.go()
        self._thread.join()

    def _run(self) -> None:
        self._turn.acquire()
        try:
            if not self._killed:
                self._play(self)
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self.done = True
            self._back.release()
