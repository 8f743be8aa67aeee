"""One worker a name: a lock that outlives its launcher as long as the JVM lives.

Rules:
1. The lock belongs to an open file that the JVM inherits (its children do not: Java
   closes what it does not know before it starts them). So it is held until both the
   launcher and the JVM are gone, however they went.
2. Held, and its launcher lives: another worker runs here; refuse.
3. Held, and only the JVM lives: its launcher was killed. The orphan is ended, because
   two processes under one worker id would both renew every lease.
4. Held by anything we do not recognise: refuse, touch nothing.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import msgspec
import psutil

from kcl_app import jvm

PATIENCE_S = 10.0
"""How long a killed JVM may take to let go of its files."""
PAUSE_S = 0.05


class WorkerHeld(Exception):
    """The worker's name is taken. The text says by whom and what to do."""


class Holder(msgspec.Struct):
    """What the lock file says. ``launched`` tells a launcher from a later process of its pid."""

    launcher: int
    launched: float
    jvm: int = 0


class WorkerLock:
    """The lock of one run folder; ``properties`` is how its JVM is recognised."""

    def __init__(self, file: Path, properties: Path) -> None:
        self._file = file
        self._properties = properties
        self._descriptor = -1

    @property
    def descriptor(self) -> int:
        """To be inherited by the JVM."""
        return self._descriptor

    def take(self, sleep: Callable[[float], None] = time.sleep) -> int | None:
        """Take the lock, ending an orphaned JVM first; its pid is returned.

        Raises WorkerHeld where another worker lives or the holder is not recognised.
        """
        self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        orphan = None if self._try() else self._end_orphan(sleep)
        self.name()
        return orphan

    def name(self, jvm_pid: int = 0) -> None:
        """Write who holds the lock: this process and its JVM."""
        launched = psutil.Process().create_time()
        body = msgspec.json.encode(Holder(os.getpid(), launched, jvm_pid)) + b"\n"
        os.pwrite(self._descriptor, body, 0)
        os.ftruncate(self._descriptor, len(body))

    def release(self) -> None:
        """Let go. A JVM that still lives keeps it."""
        os.close(self._descriptor)
        self._descriptor = -1

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _end_orphan(self, sleep: Callable[[float], None]) -> int | None:
        """The pid of the JVM that held the lock; None where its holder was just leaving."""
        holder = self._holder()
        if holder and _alive(holder):
            self._refuse(
                f"process {holder.launcher} already runs this worker; stop it with "
                f"kill {holder.launcher}, or give this one a number of its own: "
                "--set application.instance=1"
            )
        orphan = self._orphan(holder)
        if orphan is not None:
            _kill(orphan)
        if not self._free_within(PATIENCE_S if orphan else 1.0, sleep):
            self._refuse(
                "its holder is not a launcher or JVM of ours and has not let go; find it with "
                f"fuser {self._file} and end it, or choose another application.run_dir"
            )
        return orphan

    def _orphan(self, holder: Holder | None) -> int | None:
        """The JVM by the file's word, else by its command line: the word may be missing."""
        if holder and jvm.is_ours(holder.jvm, self._properties):
            return holder.jvm
        return jvm.find(self._properties)

    def _free_within(self, patience_s: float, sleep: Callable[[float], None]) -> bool:
        for _ in range(int(patience_s / PAUSE_S)):
            if self._try():
                return True
            sleep(PAUSE_S)
        return self._try()

    def _holder(self) -> Holder | None:
        try:
            return msgspec.json.decode(os.pread(self._descriptor, 4096, 0), type=Holder)
        except msgspec.MsgspecError:
            return None

    def _refuse(self, why: str) -> NoReturn:
        self.release()
        raise WorkerHeld(f"the worker's lock {self._file} is taken: {why}")


def _alive(holder: Holder) -> bool:
    try:
        return abs(psutil.Process(holder.launcher).create_time() - holder.launched) < 1.0
    except psutil.Error:
        return False


def _kill(pid: int) -> None:
    """Kill an orphaned JVM, and its children where it leads their group."""
    with suppress(ProcessLookupError):
        if os.getpgid(pid) == pid:
            jvm.kill_group(pid)
        else:
            os.kill(pid, signal.SIGKILL)
