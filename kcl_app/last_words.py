"""Why a process ended, in a file of its own.

When a child must die its stderr may be a broken pipe and its JVM is killed with it,
so the reason is written where the supervisor looks first.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

LONGEST = 16_384


class LastWords:
    """A folder of reasons, one file a process. The first thing a process says stands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.speaker = f"process {os.getpid()}"
        """Who is speaking; a shard's process puts its shard here."""

    def say(self, sentence: str, detail: str = "") -> None:
        """Keep ``sentence`` (and ``detail``, such as a traceback) as this process's reason."""
        text = f"{self.speaker}: {' '.join(sentence.split())}\n{detail}"[:LONGEST]
        file = self.folder / f"{os.getpid()}.txt"
        if file.exists():
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as full:  # nothing left but stderr
            print(f"{text}\n(last words not kept: {full})", file=sys.stderr)  # noqa: T201

    def say_error(self, error: BaseException) -> None:
        """Keep an exception: what it said and where it was raised."""
        self.say(spoken(error), "".join(traceback.format_exception(error)))

    def read(self) -> list[str]:
        """The sentences, oldest first: the first cause before what followed from it."""
        files = sorted(self.folder.glob("*.txt"), key=lambda file: file.stat().st_mtime_ns)
        return [sentence for file in files if (sentence := _first_line(file))]

    def clear(self) -> None:
        """Forget all; called before a new run."""
        for file in self.folder.glob("*.txt"):
            file.unlink(missing_ok=True)


def spoken(error: BaseException) -> str:
    """An exception as a sentence: its text, led by its type where the text alone says little."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _first_line(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0].strip()
