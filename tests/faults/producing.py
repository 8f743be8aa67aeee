"""A producer that never rests, and knows the newest record of each shard."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from config.site import Site
from producer.call import Stored
from producer.clock import Clock
from producer.manifest import Manifest, run_id
from producer.produce import kinesis
from producer.publish import Publisher
from producer.queue import Record
from producer.source import Source, Ticks
from tests.faults.waiting import until

SYMBOLS = 24


@dataclass
class Steady(Source):
    """Ticks of 24 symbols, as they happen, until asked to stop."""

    live: ClassVar[bool] = True
    per_second: int = 40

    def batches(self) -> Iterator[Ticks]:
        number = 0
        while not self.clock.stopped():
            at = int(self.clock.now() * 1_000_000)
            count = self.per_second // 4
            rows = [self._tick(number + n, at + n) for n in range(count)]
            yield Ticks(rows, np.arange(at, at + count))
            number += count
            self.clock.wait(0.25)

    def _tick(self, n: int, at: int) -> dict[str, Any]:
        price = 100 + n * 7919 % 1000 / 100
        return {"symbol": f"S{n % SYMBOLS}", "timestamp": at, "price": price, "volume": n % 9}


class Tips(Manifest):
    """A manifest that remembers the newest sequence number of each shard."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.tips: dict[str, int] = {}

    def note(self, record: Record, stored: Stored) -> None:
        super().note(record, stored)
        at = int(stored.sequence)
        self.tips[stored.shard] = max(at, self.tips.get(stored.shard, 0))


class Producing:
    """A producer in a thread of its own; it speaks to the emulator past the proxy."""

    def __init__(self, site: Site) -> None:
        self._stop = threading.Event()
        self._clock = Clock(wait=self._stop.wait, stopped=self._stop.is_set)
        run = run_id(time.time(), os.urandom(3).hex())
        self.manifest = Tips(site.client("s3"), site.bucket, site.prefix, run, self._clock)
        name = site.settings.stream.name
        self._publisher = Publisher(kinesis(site), name, run, self._clock, self.manifest)
        self._thread = threading.Thread(target=self._produce, daemon=True)
        self._thread.start()

    def _produce(self) -> None:
        source = Steady()
        source.clock = self._clock
        self._publisher.publish(source.batches())
        self.manifest.flush()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def newer(self, shards: Collection[str]) -> dict[str, int]:
        """The newest sequence number of each of ``shards``, once newer than when asked."""
        tips, before = self.manifest.tips, dict(self.manifest.tips)

        def moved() -> bool:
            return all(tips.get(shard, 0) > before.get(shard, 0) for shard in shards)

        until(moved, 60, "the producer to go on")
        return {shard: tips[shard] for shard in shards}
