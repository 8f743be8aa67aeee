"""A worker on the real daemon with the stock processor, and what it has stored."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from config.site import Site
from kcl_app.jvm import find
from kcl_app.worker import Worker

ROOT = Path(__file__).resolve().parents[2]


class Stage:
    """A stream of ``site``, records put on it, and a Worker with the stock Ledger."""

    def __init__(self, site: Site, folder: Path, shards: int = 2, seed: bool = False) -> None:
        self.site, self.folder, self._seed = site, folder, seed
        self.put_so_far = 0
        kinesis = site.client("kinesis")
        kinesis.create_stream(StreamName=site.settings.stream.name, ShardCount=shards)
        kinesis.get_waiter("stream_exists").wait(
            StreamName=site.settings.stream.name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )

    def put(self, count: int) -> None:
        """Put ``count`` more records on the stream, 50 keys in turn."""
        numbers = range(self.put_so_far, self.put_so_far + count)
        rows = [{"Data": b"%d" % n, "PartitionKey": f"key {n % 50}"} for n in numbers]
        for at in range(0, count, 500):
            answer = self.site.client("kinesis").put_records(
                StreamName=self.site.settings.stream.name, Records=rows[at : at + 500]
            )
            assert not answer["FailedRecordCount"]
        self.put_so_far += count

    def start(self) -> Worker:
        """Start the worker. Its processor writes to ``folder/ledger``."""
        self.worker = self.another()
        return self.worker

    def another(self) -> Worker:
        """Start one more with the same settings."""
        worker = Worker(
            self.site.settings,
            seed_leases=self._seed,
            environment={"LEDGER": str(self.folder / "ledger"), "PYTHONPATH": str(ROOT)},
            stderr=open(self.folder / "stderr", "ab"),  # noqa: SIM115
        )
        worker.start()
        return worker

    @property
    def stored(self) -> set[int]:
        """The records in the ledger. A line that a kill cut short is not one."""
        try:
            lines = (self.folder / "ledger").read_text().splitlines()
        except FileNotFoundError:
            return set()
        return {int(json.loads(line)[-1]) for line in lines if line.endswith('"]')}

    def all_stored(self) -> bool:
        return self.stored == set(range(self.put_so_far))

    @property
    def jvm(self) -> int | None:
        return find(self.worker.folder.properties)

    @property
    def children(self) -> list[int]:
        """The shards' processes."""
        return [child.pid for child in psutil.Process(self.jvm).children()] if self.jvm else []

    def said(self) -> str:
        return (self.folder / "stderr").read_text()

    def end(self) -> None:
        """Leave nothing running, whatever happened."""
        self.worker.stop()
        if (jvm := self.jvm) is not None:
            os.killpg(jvm, 9)


def eventually(true: Callable[[], Any], said: Callable[[], str], within_s: float = 120) -> None:
    """Wait until ``true()``; fail with what the worker said."""
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s:g} s; the worker said:\n{said()}"
        time.sleep(0.1)
