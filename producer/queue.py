"""Ticks waiting for Kinesis, and which of them may go next.

Rules:
1. Of one key at most one record is unacknowledged, and none goes before it is
   acknowledged. So a call holds a key at most once: PutRecords goes on after a
   record that failed, and would store a later one of the key before it.
2. A record that failed is sent again as it was, when its pause is over, before
   anything new.
3. A record holds one tick, or several of its key, one a line, in their order.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice


@dataclass(frozen=True, slots=True)
class Limits:
    """What PutRecords takes. A record's size is that of its key (UTF-8) and its data."""

    records: int = 500
    call_bytes: int = 5 * 1024 * 1024
    record_bytes: int = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One tick, encoded. ``time`` is its event time in microseconds since 1970."""

    key: str
    body: bytes
    id: str
    symbol: str
    time: int


@dataclass(slots=True)
class Record:
    """One record of a PutRecords call. ``failures`` counts the attempts that failed."""

    key: str
    lines: list[Line]
    size: int
    failures: int = 0
    failed_since: float = 0.0
    uncertain: bool = False

    @property
    def data(self) -> bytes:
        return b"\n".join([line.body for line in self.lines])


def record_size(key: str, body: bytes) -> int:
    return len(key.encode()) + len(body)


@dataclass
class Queue:
    """``lines`` is how many ticks of a key may share a record; 0 lets keys that are too few
    to fill a call take so many that they do."""

    limits: Limits = field(default_factory=Limits)
    lines: int = 1
    ticks: int = 0
    """Ticks that wait, without those whose record is with Kinesis."""
    _waiting: dict[str, deque[Line]] = field(default_factory=dict)
    _ready: deque[str] = field(default_factory=deque)
    _resend: deque[Record] = field(default_factory=deque)
    _pausing: list[tuple[float, int, Record]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=count)

    def add(self, line: Line) -> None:
        waiting = self._waiting.get(line.key)
        if waiting is None:
            waiting = self._waiting[line.key] = deque()
            self._ready.append(line.key)
        waiting.append(line)
        self.ticks += 1

    def next_call(self, now: float) -> list[Record]:
        """The records of the next call; empty where all that waits has to wait on."""
        while self._pausing and self._pausing[0][0] <= now:
            self._resend.append(heapq.heappop(self._pausing)[2])
        call: list[Record] = []
        room = self.limits.call_bytes
        while len(call) < self.limits.records and (record := self._peek()):
            if record.size > room:
                break
            room -= record.size
            call.append(self._take(record))
        return call

    def acknowledged(self, record: Record) -> None:
        """The record stands: its key may go on."""
        if self._waiting[record.key]:
            self._ready.append(record.key)
        else:
            del self._waiting[record.key]

    def failed(self, record: Record, due: float) -> None:
        """The record is sent again at ``due``; its key waits for it."""
        self.ticks += len(record.lines)
        heapq.heappush(self._pausing, (due, next(self._numbers), record))

    def next_due(self) -> float | None:
        """When the first pausing record may go."""
        return self._pausing[0][0] if self._pausing else None

    def _peek(self) -> Record | None:
        if self._resend:
            return self._resend[0]
        return self._composed(self._ready[0]) if self._ready else None

    def _take(self, record: Record) -> Record:
        self.ticks -= len(record.lines)
        if self._resend:
            return self._resend.popleft()
        waiting = self._waiting[self._ready.popleft()]
        for _ in record.lines:
            waiting.popleft()
        return record

    def _composed(self, key: str) -> Record:
        """A record of the first waiting ticks of ``key``, as many as may share it."""
        waiting = self._waiting[key]
        many = self.lines or max(1, self.limits.records // len(self._waiting))
        lines = [waiting[0]]
        size = record_size(key, waiting[0].body)
        for line in islice(waiting, 1, many):
            more = 1 + len(line.body)
            if size + more > self.limits.record_bytes:
                break
            size += more
            lines.append(line)
        return Record(key, lines, size)
