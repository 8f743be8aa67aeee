"""A clock that only sleeping moves, and a Kinesis that can be told to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from producer.call import Stored
from producer.clock import Clock
from producer.queue import Record
from producer.source import Ticks
from tests.producer import fake_kinesis
from tests.producer.fake_kinesis import FakeKinesis


@dataclass
class SleptClock(Clock):
    """Time stands still but for sleeps, which are kept. ``stop_after`` sleeps it asks to stop."""

    slept: list[float] = field(default_factory=list)
    time: float = 1_700_000_000.0
    stop_after: int = 1_000_000

    def __post_init__(self) -> None:
        self.now = self.monotonic = lambda: self.time
        self.sleep = self.wait = self._sleep
        self.stopped = lambda: len(self.slept) >= self.stop_after

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@dataclass
class Book:
    """Keeps what was acknowledged, in order."""

    noted: list[tuple[str, str]] = field(default_factory=list)

    def note(self, record: Record, stored: Stored) -> None:
        self.noted += [(line.key, line.id) for line in record.lines]

    def settled(self) -> None:
        pass


def ticks_of(symbols: str | list[str], **more: Any) -> Ticks:
    """One tick a symbol, a second apart."""
    rows = [{"symbol": s, "price": 1.0, **more} for s in symbols]
    return Ticks(rows, np.arange(len(rows), dtype=np.int64) * 1_000_000)


@pytest.fixture
def clock() -> SleptClock:
    return SleptClock()


@pytest.fixture(scope="session")
def kinesis_client() -> Any:
    return fake_kinesis.client()


@pytest.fixture
def fake(kinesis_client: Any) -> Iterator[Callable[..., FakeKinesis]]:
    """Make the Kinesis that the client talks to."""
    made: list[FakeKinesis] = []

    def make(**fates: Any) -> FakeKinesis:
        made.append(FakeKinesis(**fates))
        made[-1].attach(kinesis_client)
        return made[-1]

    yield make
    for kinesis in made:
        kinesis.detach(kinesis_client)
