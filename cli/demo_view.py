"""A demo as it runs, on stderr: a live table where a person looks on, lines elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.console import err, note
from deploy.demo.progress import Phase, Progress

NAMES = {
    "local AWS": "an AWS on this machine",
    "stack": "stream, buckets, tables, topic, catalog",
    "produce": "ticks onto the stream",
    "lease": "the KCL starts and takes its shards",
    "store": "windows, flags, DynamoDB, alerts, Parquet",
    "ask": "questions to the lake",
    "stop": "the worker stops",
    "verify": "proof that every record is stored once",
}
LINE_S = 5.0
"""How often lines tell the figures."""


@contextmanager
def watched(progress: Progress) -> Iterator[None]:
    """Show ``progress`` for as long as the block runs."""
    if not err.is_terminal:
        progress.told = Lines(progress).tell
        yield
        return
    table = LiveTable(progress)
    with Live(get_renderable=table.render, console=err, refresh_per_second=8):
        yield


def figures(progress: Progress) -> dict[str, int]:
    """What the view counts, by heading."""
    now = progress.figures
    return {
        "records in": progress.produced + progress.foreign,
        "stored": now.stored,
        "lag": progress.lag,
        "latest values": now.items,
        "flags": now.flags,
        "rejects": now.rejects,
        "alerts": progress.alerts,
    }


class LiveTable:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._spinner = Spinner("dots", style="cyan")

    def render(self) -> Group:
        steps = Table.grid(padding=(0, 1))
        for phase in list(self._progress.phases.values()):
            steps.add_row(*self._row(phase))
        counts = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        values = figures(self._progress)
        for heading in values:
            counts.add_column(heading, justify="right")
        counts.add_row(*(f"{value:,}" for value in values.values()))
        return Group(Text(""), steps, Text(""), counts, Text(""))

    def _row(self, phase: Phase) -> tuple[Spinner | Text, Text, Text, Text]:
        name = NAMES[phase.name]
        if phase.began is None:
            return Text(" "), Text(name, style="dim"), Text(""), Text("")
        seconds = Text(f"{phase.seconds(self._progress.now()):.1f} s", justify="right")
        if phase.ended is None:
            return self._spinner, Text(name), seconds, Text(said(self._progress, phase))
        return Text("✓", style="green"), Text(name), seconds, Text(phase.said, style="dim")


class Lines:
    """Says each phase's begin and end once, and the figures every few seconds."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[tuple[str, bool]] = set()
        self._last = progress.now()
        self._lock = threading.Lock()

    def tell(self) -> None:
        """Called by the road and by its producer."""
        with self._lock:
            for phase in self._progress.phases.values():
                self._tell(phase)
            if self._progress.now() - self._last >= LINE_S:
                self._last = self._progress.now()
                self._tell_figures()

    def _tell(self, phase: Phase) -> None:
        if phase.began is not None and (phase.name, False) not in self._said:
            self._said.add((phase.name, False))
            note(f"{NAMES[phase.name]} ...")
        if phase.ended is not None and (phase.name, True) not in self._said:
            self._said.add((phase.name, True))
            took = f"{phase.seconds(self._progress.now()):.1f} s"
            note(f"{NAMES[phase.name]}: {took}" + (f", {phase.said}" if phase.said else ""))

    def _tell_figures(self) -> None:
        counts = ", ".join(f"{name} {n:,}" for name, n in figures(self._progress).items())
        running = (p for p in self._progress.phases.values() if p.began and p.ended is None)
        for phase in running:
            waiting = said(self._progress, phase)
            if waiting:
                note(f"{waiting} ({phase.seconds(self._progress.now()):.0f} s)")
        note(counts)


def said(progress: Progress, phase: Phase) -> str:
    """What a phase that runs is about just now."""
    if phase.name == "lease":
        return f"waiting for {progress.waiting}" if progress.waiting else ""
    if phase.name == "produce" and progress.total:
        return f"{progress.produced:,} of {progress.total:,}"
    return phase.said
