"""Ticks onto the stream: order within a key kept, only what failed sent again.

A call whose answer is lost (time-out, server error) is sent again as well. Then
Kinesis may hold a record twice: that is why every tick carries an id, by which
``verify`` counts such repeats and the application can drop them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import numpy as np

from producer.call import Failed, Outcome, PublishError, Stored, put
from producer.clock import Clock
from producer.queue import Limits, Line, Queue, Record, record_size
from producer.source import Ticks

KEY_LENGTH = 256
NO_KEY = "-"
BACKLOG = 20_000
"""Ticks read ahead while calls are under way."""


def _plain(value: Any) -> Any:
    """numpy's scalars as Python's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} cannot be JSON")


encoded = msgspec.json.Encoder(enc_hook=_plain).encode
"""A row as the JSON that a record holds."""


@dataclass
class Summary:
    """What a run did. ``ticks`` and ``bytes`` (of data) are acknowledged ones.

    ``retries`` counts records sent again; ``uncertain`` those of them whose first
    answer was lost, so that the stream may hold them twice.
    """

    run: str
    ticks: int = 0
    records: int = 0
    bytes: int = 0
    calls: int = 0
    retries: int = 0
    uncertain: int = 0
    parts: int = 0
    seconds: float = 0.0
    stopped: bool = False


class Ledger(Protocol):
    """Told of every record that stands, once; ``settled`` now and then, to store what it knows."""

    def note(self, record: Record, stored: Stored) -> None: ...

    def settled(self) -> None: ...


class NoLedger:
    def note(self, record: Record, stored: Stored) -> None:
        """Nobody asks."""

    def settled(self) -> None:
        """Nothing to store."""


def partition_key(symbol: Any) -> str:
    """The symbol as Kinesis takes it: 1 to 256 characters. A tick without one is sent too."""
    return str(symbol)[:KEY_LENGTH] if symbol not in (None, "") else NO_KEY


@dataclass
class Publisher:
    """Puts ticks on ``stream``. ``client`` retries nothing by itself.

    ``calls`` may be in flight at once, of different keys. A record that fails is
    sent again after ``pause_s`` seconds, doubled each time up to ``longest_pause_s``
    and shortened by up to half at random; after ``patience_s`` of failing the run
    gives up. ``progress`` is called when an answer came.
    """

    client: Any
    stream: str
    run: str
    clock: Clock = field(default_factory=Clock)
    ledger: Ledger = field(default_factory=NoLedger)
    limits: Limits = field(default_factory=Limits)
    lines: int = 1
    calls: int = 4
    backlog: int = BACKLOG
    patience_s: float = 120.0
    pause_s: float = 0.1
    longest_pause_s: float = 5.0
    jitter: Callable[[], float] = field(default=random.random)
    progress: Callable[[Summary], None] = field(default=lambda summary: None)

    def __post_init__(self) -> None:
        self.summary = Summary(self.run)
        self._queue = Queue(self.limits, self.lines)
        self._flying: dict[Future[list[Outcome]], list[Record]] = {}
        self._made = 0
        self._broken: Exception | None = None

    def publish(self, batches: Iterable[Ticks]) -> Summary:
        """Publish all ticks of ``batches``; returns when every one is acknowledged.

        Whatever the source raises is raised after what it gave before is
        acknowledged. Raises PublishError where Kinesis will not take a record; the
        ledger then knows exactly the ticks that are known to stand.
        """
        began = self.clock.monotonic()
        reading = iter(batches)
        with ThreadPoolExecutor(self.calls, "put") as pool:
            try:
                while self._read(reading):
                    self._settle(pool, self.backlog)
                self._settle(pool, 0)
            finally:
                self._land_all()
                self.summary.seconds = self.clock.monotonic() - began
        if self._broken:
            raise self._broken
        return self.summary

    def _read(self, reading: Iterator[Ticks]) -> bool:
        """Queue the next batch. False at the end, and where the source breaks."""
        try:
            ticks = next(reading, None)
            if ticks is not None:
                self._queue_up(ticks)
        except Exception as wrong:
            self._broken = wrong
            return False
        return ticks is not None

    def _queue_up(self, ticks: Ticks) -> None:
        for row, time in zip(ticks.rows, ticks.times.tolist(), strict=True):
            self._queue.add(self._line(row, time))

    def _line(self, row: Mapping[str, Any], time: int) -> Line:
        self._made += 1
        number = f"{self.run}-{self._made:09d}"
        symbol = row.get("symbol")
        key = partition_key(symbol)
        body = self._encoded({**row, "id": number})
        size = record_size(key, body)
        if size > self.limits.record_bytes:
            raise PublishError(
                f"tick {number} of {key[:40]} at {time} us has {size:,} bytes with its key, and "
                f"Kinesis takes {self.limits.record_bytes:,} a record; it was not sent"
            )
        return Line(key, body, number, str(symbol), time)

    def _encoded(self, row: dict[str, Any]) -> bytes:
        try:
            return encoded(row)
        except (TypeError, ValueError) as wrong:
            raise PublishError(
                f"tick {row['id']} was not sent: {wrong}; row {row!r:.200}"
            ) from wrong

    def _settle(self, pool: ThreadPoolExecutor, backlog: int) -> None:
        """Send until at most ``backlog`` ticks wait; 0 also awaits every answer."""
        for future in [f for f in self._flying if f.done()]:
            self._land(future)
        self._launch(pool)
        while self._queue.ticks > backlog or (not backlog and self._flying):
            if self._flying:
                for future in wait(self._flying, return_when=FIRST_COMPLETED).done:
                    self._land(future)
            else:
                self._pause()
            self._launch(pool)
        self.ledger.settled()

    def _launch(self, pool: ThreadPoolExecutor) -> None:
        while len(self._flying) < self.calls:
            records = self._queue.next_call(self.clock.monotonic())
            if not records:
                return
            self._flying[pool.submit(put, self.client, self.stream, records)] = records
            self.summary.calls += 1

    def _pause(self) -> None:
        """All that waits has failed before: wait for the first to be due."""
        due = self._queue.next_due()
        assert due is not None
        self.clock.sleep(max(due - self.clock.monotonic(), 0.0))

    def _land_all(self) -> None:
        """Nothing new goes out, but what is under way is still accounted for."""
        for future in list(self._flying):
            with suppress(PublishError):  # another one is on its way up already
                self._land(future)

    def _land(self, future: Future[list[Outcome]]) -> None:
        records = self._flying.pop(future)
        outcomes = future.result()
        self._note(records, outcomes)
        self.progress(self.summary)

    def _note(self, records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        failing = []
        for record, outcome in zip(records, outcomes, strict=True):
            if isinstance(outcome, Stored):
                self._stored(record, outcome)
            else:
                self._failed(record, outcome)
                failing.append((record, outcome))
        for record, outcome in failing:
            self._still_patient(record, outcome)

    def _stored(self, record: Record, stored: Stored) -> None:
        self._queue.acknowledged(record)
        self.ledger.note(record, stored)
        self.summary.ticks += len(record.lines)
        self.summary.records += 1
        self.summary.bytes += record.size - len(record.key.encode())

    def _failed(self, record: Record, failed: Failed) -> None:
        now = self.clock.monotonic()
        if not record.failures:
            record.failed_since = now
        pause = min(self.pause_s * 2.0**record.failures, self.longest_pause_s)
        record.failures += 1
        self.summary.retries += 1
        if failed.uncertain and not record.uncertain:
            record.uncertain = True
            self.summary.uncertain += 1
        self._queue.failed(record, now + pause * (1 - self.jitter() / 2))

    def _still_patient(self, record: Record, failed: Failed) -> None:
        lasting = self.clock.monotonic() - record.failed_since
        if lasting >= self.patience_s:
            first = record.lines[0].id
            raise PublishError(
                f"stream {self.stream} did not take record {first} ({record.key}) in "
                f"{lasting:.0f} s and {record.failures} attempts: {failed.why}; "
                f"{self.summary.ticks:,} ticks before it are on the stream"
            )
