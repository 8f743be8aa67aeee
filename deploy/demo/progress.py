"""What a demo is doing, for whoever looks on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.demo.figures import Figures


@dataclass
class Phase:
    """``began`` and ``ended`` are monotonic seconds; None is not yet. ``said`` is its result."""

    name: str
    began: float | None = None
    ended: float | None = None
    said: str = ""

    def seconds(self, now: float) -> float:
        """How long it took, or takes by now."""
        if self.began is None:
            return 0.0
        return (now if self.ended is None else self.ended) - self.began


@dataclass
class Progress:
    """Phases in their order, some of them at once; the figures; and what is waited for.

    ``told`` is called at each change. The road writes, a view reads.
    """

    phases: dict[str, Phase]
    now: Callable[[], float] = time.monotonic
    told: Callable[[], None] = lambda: None
    total: int | None = None
    produced: int = 0
    """Ticks that the stream has acknowledged."""
    foreign: int = 0
    """Records put on the stream past the producer."""
    alerts: int = 0
    figures: Figures = field(default_factory=Figures)
    waiting: str = ""
    folder: Path | None = None
    """Where logs are, once there are any."""

    @classmethod
    def of(cls, *names: str) -> Progress:
        return cls({name: Phase(name) for name in names})

    @property
    def lag(self) -> int:
        """Lines on the stream that are not done."""
        return max(self.produced + self.foreign - self.figures.accounted, 0)

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        """Time a phase; one that an exception leaves stays without an end."""
        phase = self.begin(name)
        yield phase
        self.end(name)

    def begin(self, name: str) -> Phase:
        phase = self.phases[name]
        phase.began = self.now()
        self.told()
        return phase

    def end(self, name: str, said: str = "") -> None:
        phase = self.phases[name]
        phase.ended = self.now()
        phase.said = said or phase.said
        self.told()

    def timings(self) -> dict[str, float]:
        """Seconds by phase, of those that ended."""
        done = (phase for phase in self.phases.values() if phase.ended is not None)
        return {phase.name: round(phase.seconds(0.0), 2) for phase in done}
