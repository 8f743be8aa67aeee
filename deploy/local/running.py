"""The local AWS that outlives its shell: where it is, and whether it still is.

A file says where it is, written once it answers and removed once it has ended. A
file whose process is gone is stale. It never means AWS instead: whoever reads it
goes on using the address in it, and fails there.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

from deploy.local.emulator import KEPT, STOP_S, LocalAws, LocalError, healthy, owns

State = Literal["running", "silent", "gone", "stopped"]


@dataclass(frozen=True)
class Running:
    """What the file holds. ``folder`` is where it keeps its log and, when stopped, its state."""

    endpoint_url: str
    pid: int
    port: int
    folder: str

    @property
    def log(self) -> Path:
        return Path(self.folder) / "aws.log"

    @property
    def alive(self) -> bool:
        """True while that process listens on that port: a pid alone may be another's by now."""
        return owns(self.pid, self.port)


@dataclass(frozen=True)
class Up:
    """What ``up`` found or did. ``lost`` is where a crashed one's files were set aside."""

    running: Running
    started: bool
    lost: Path | None = None


def read(file: Path) -> Running | None:
    """What the file says, or None where there is none. Raises LocalError where it is broken."""
    try:
        return Running(**json.loads(file.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as broken:
        raise LocalError(f"{file} is not what `tapeline local up` wrote: remove it") from broken


def state(file: Path) -> tuple[State, Running | None]:
    """``stopped``: there is none; ``gone``: it ended by itself; ``silent``: it doesn't answer."""
    running = read(file)
    if running is None:
        return "stopped", None
    if not running.alive:
        return "gone", running
    return ("running" if healthy(running.port) else "silent"), running


def up(
    file: Path,
    port: int = 0,
    *,
    fresh: bool = False,
    persist: bool = True,
    folder: Path | None = None,
) -> Up:
    """Start one beside ``file``, unless one runs. ``fresh`` forgets what the last one kept.

    ``folder`` is where it works, by default ``local/`` beside the file. Raises
    LocalError, also where ``fresh`` is asked of one that runs.
    """
    with _alone(file):
        known, running = state(file)
        if running and known in ("running", "silent"):
            if fresh or known == "silent":
                raise LocalError(_in_the_way(running, known))
            return Up(running, started=False)
        folder = folder or file.parent / "local"
        if fresh:
            for kept in KEPT:
                shutil.rmtree(folder / kept, ignore_errors=True)
        aws = LocalAws(folder, port, persist=persist, leashed=False).start()
        begun = Running(aws.endpoint_url, aws.pid, aws.port, str(aws.folder))
        _write(file, begun)
        return Up(begun, started=True, lost=aws.lost)


def down(file: Path) -> tuple[State, Running | None]:
    """End it and save its state; says what was found. Raises LocalError where it won't end."""
    with _alone(file):
        known, running = state(file)
        if running and running.alive:
            _end(running)
        file.unlink(missing_ok=True)
        return known, running


def _end(running: Running) -> None:
    try:
        process = psutil.Process(running.pid)
        process.terminate()
        process.wait(STOP_S)
    except psutil.NoSuchProcess:
        return
    except psutil.TimeoutExpired:
        raise LocalError(
            f"local AWS (process {running.pid}) did not end within {STOP_S:g} s; see "
            f"{running.log}, then: kill -9 {running.pid}"
        ) from None


def _in_the_way(running: Running, known: State) -> str:
    does = "runs" if known == "running" else "does not answer"
    return (
        f"a local AWS {does} at {running.endpoint_url} (process {running.pid}): "
        "end it first with `tapeline local down`"
    )


def _write(file: Path, running: Running) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(running)) + "\n")
    os.replace(fresh, file)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Two shells that call ``up`` at once start one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
