"""A producer of aggregated records, beside the steady one."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from random import Random
from typing import Any

import msgspec

from config.site import Site
from producer.call import Stored
from producer.clock import Clock
from producer.manifest import Manifest
from producer.produce import kinesis
from producer.queue import Line, Record
from tests.reshard.kpl import aggregated

ALONE = tuple(f"A{n}" for n in range(8))
"""Symbols whose aggregated records have one partition key throughout, the symbol."""
MIXED = tuple(f"M{n}" for n in range(8))
"""Symbols whose user records have keys of their own, which may lie outside the shard."""
USER_RECORDS = 6
EVERY_S = 0.25

User = tuple[str, bytes]
"""Partition key and data."""


class Aggregating:
    """Puts an aggregated record of one key and one of many, in turns, until it is stopped.

    The key of a whole record is its ticks' symbol. ``put`` has the user records of each by
    sequence number, ``counts`` their number by symbol; the ids are in a manifest of their own.
    """

    def __init__(self, site: Site) -> None:
        self.put: dict[int, list[User]] = {}
        self.counts: Counter[str] = Counter()
        self._draw = Random(7)
        self._stop = threading.Event()
        self._clock = Clock(wait=self._stop.wait, stopped=self._stop.is_set)
        self._client = kinesis(site)
        self._stream = site.settings.stream.name
        self._manifest = Manifest(site.client("s3"), site.bucket, site.prefix, "aggregated")
        self._thread = threading.Thread(target=self._produce, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _produce(self) -> None:
        while not self._clock.stopped():
            symbol = self._draw.choice(MIXED if len(self.put) % 2 else ALONE)
            self._put(symbol, [self._line(symbol, n) for n in range(USER_RECORDS)])
            self._clock.wait(EVERY_S)
        self._manifest.flush()

    def _put(self, symbol: str, lines: list[Line]) -> None:
        users = [(line.key, line.body) for line in lines]
        answer = self._client.put_record(
            StreamName=self._stream, PartitionKey=symbol, Data=aggregated(users)
        )
        self.put[int(answer["SequenceNumber"])] = users
        self.counts[symbol] += len(lines)
        size = sum(len(line.body) for line in lines)
        stored = Stored(answer["ShardId"], answer["SequenceNumber"])
        self._manifest.note(Record(symbol, lines, size), stored)

    def _line(self, symbol: str, n: int) -> Line:
        name = f"aggregated-{len(self.put):06d}-{n}"
        at = int(self._clock.now() * 1_000_000) + n
        key = symbol if symbol in ALONE else f"{symbol}-{self._draw.randrange(64)}"
        price = 50 + int(hashlib.sha256(name.encode()).hexdigest()[:4], 16) / 1000
        row: dict[str, Any] = {"symbol": symbol, "timestamp": at, "price": price, "volume": 1}
        return Line(key, msgspec.json.encode({**row, "id": name}), name, symbol, at)
