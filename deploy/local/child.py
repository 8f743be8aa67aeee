"""The emulator's process: ends when its parent does, and keeps its log small.

Run by path, with Python's ``-P``, so that only installed packages are importable;
the working directory is the emulator's folder. Standard input is the leash: its
other end is held by the parent alone, and the system closes it however the parent
dies. That works on every Unix, and needs no clean-up code to run in the parent.
"""

from __future__ import annotations

import logging
import os
import runpy
import select
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

LOG_LIMIT = 5_000_000
"""Bytes of log kept, and as many again of what went before it."""

SAVED = "saved"
"""A file in the folder, there from a stop that saved all state to the next start."""

LOOK_EVERY_S = 5.0
GRACE_S = 30.0
"""How long a stop may take, saving state included, before it is forced."""


class Unsaved(logging.Handler):
    """Hears the emulator say that it could not save a service's state."""

    heard = False

    def emit(self, record: logging.LogRecord) -> None:
        self.heard = True


def bound(log: Path, limit: int = LOG_LIMIT) -> None:
    """Move a log of more than ``limit`` bytes aside. It must be open for appending."""
    if log.stat().st_size > limit:
        shutil.copyfile(log, log.with_suffix(".old.log"))
        os.truncate(log, 0)


def leash_is_cut(wait_s: float) -> bool:
    """True once the parent's end of standard input is closed; looks for ``wait_s`` seconds."""
    ready, _, _ = select.select([0], [], [], wait_s)
    return bool(ready) and not os.read(0, 1024)


def keep(log: Path, leashed: bool) -> None:
    """Watch leash and log for as long as the process lives."""
    while True:
        if not leashed:
            time.sleep(LOOK_EVERY_S)
        elif leash_is_cut(LOOK_EVERY_S):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(GRACE_S)
            os._exit(1)
        bound(log)


def main(log: str, leashed: str) -> None:
    watcher = threading.Thread(target=keep, args=(Path(log), leashed == "leashed"), daemon=True)
    watcher.start()
    unsaved = Unsaved(logging.ERROR)
    logging.getLogger("persistence").addHandler(unsaved)
    sys.argv = ["ministack"]
    runpy.run_module("ministack", run_name="__main__")  # returns after a graceful stop alone
    if not unsaved.heard:
        Path(SAVED).touch()


if __name__ == "__main__":
    main(*sys.argv[1:])
