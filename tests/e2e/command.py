"""`tapeline demo` as a process of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.e2e.road import eventually

TAPELINE = str(Path(sys.executable).with_name("tapeline"))


class Demo:
    """A running demo. What it says is in files, for nobody reads while it runs."""

    def __init__(self, folder: Path, *arguments: str, environment: Mapping[str, str]) -> None:
        self.folder = folder
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [TAPELINE, "demo", *arguments],
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def until_it_says(self, words: str) -> None:
        def said() -> bool:
            assert self.process.poll() is None, self.said
            return words in self.said

        eventually(said, lambda: self.said)

    def wait(self) -> int:
        return self.process.wait(timeout=280)

    @property
    def printed(self) -> str:
        return self._out.read_text()

    @property
    def said(self) -> str:
        return self._err.read_text()

    @property
    def _out(self) -> Path:
        return self.folder / "stdout"

    @property
    def _err(self) -> Path:
        return self.folder / "stderr"


@contextmanager
def demo(folder: Path, *arguments: str, **environment: str) -> Iterator[Demo]:
    """A demo that is not left running, whatever the test does."""
    started = Demo(folder, *arguments, environment=environment)
    try:
        yield started
    finally:
        started.process.kill()
        started.process.wait()


def running_in(folder: Path) -> list[str]:
    """Command lines of the processes that work in ``folder``: whatever a demo starts names it."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if any(str(folder) in word for word in words):
            found.append(f"{process.pid} {' '.join(words)[:200]}")
    return found
