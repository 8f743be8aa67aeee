"""A site with everything provisioned, a worker on the real daemon, and what came of it."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from config.load import nested, restore
from config.site import Site
from deploy.demo.figures import Figures, Gauge
from deploy.demo.inbox import Inbox
from deploy.local.emulator import LocalAws
from glue.plan import apply, plan
from glue.stack import resources
from kcl_app.jvm import find, kill_group
from kcl_app.worker import Worker
from producer.produce import produce
from producer.synthetic import SyntheticSource
from tests.conftest import names
from tests.daemon.processes import ends

PATIENCE_S = 150.0


def eventually(true: Callable[[], Any], said: Callable[[], str]) -> None:
    """Wait until ``true()``; fail with what was said."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s; said:\n{said()}"
        time.sleep(0.1)


@dataclass
class Road:
    """Two shards; every grave anomaly is an alert, and goes to a queue."""

    aws: LocalAws
    folder: Path
    sent: int = 0
    """Lines of records put on the stream."""
    site: Site = field(init=False)
    worker: Worker | None = None

    def __post_init__(self) -> None:
        chosen = {
            "stream.shards": 2,
            "application.run_dir": str(self.folder / "run"),
            "cut.idle_seconds": 1,
            "alerts.cooldown_seconds": 0,
        }
        self.site = Site(restore(json.dumps(nested(names(self.aws) | chosen)).encode()))
        for _ in apply(list(plan(resources(self.site)))):
            pass
        self.inbox = Inbox(self.site, f"{self.site.settings.alerts.topic}-queue")
        self.inbox.open()
        self.gauge = Gauge(self.site)

    def produce(self, records: int, seed: int) -> None:
        """Quotes of 6 symbols with anomalies, a line a record, and their manifest."""
        source = SyntheticSource(symbols=6, records=records, seed=seed, anomalies=2.0)
        self.sent += produce(self.site, source, lines=1).ticks

    def put(self, data: bytes, key: str) -> None:
        """One record as it is, past the publisher."""
        self.site.client("kinesis").put_record(
            StreamName=self.site.settings.stream.name, Data=data, PartitionKey=key
        )
        self.sent += 1

    def start(self) -> None:
        said = open(self.folder / "said", "ab")  # noqa: SIM115
        self.worker = Worker(self.site.settings, stderr=said)
        self.worker.start()

    def figures(self) -> Figures:
        assert self.worker
        assert self.worker.is_alive, self.said()
        return self.gauge.read()

    def until_all_is_stored(self) -> None:
        eventually(lambda: self.figures().accounted >= self.sent, self.said)

    def kill(self) -> None:
        """kill -9 of the whole group: launcher, JVM, shards."""
        assert self.worker
        jvm = find(self.worker.folder.properties)
        assert jvm
        os.killpg(self.worker.pid, signal.SIGKILL)
        os.killpg(jvm, signal.SIGKILL)
        self.worker.wait()
        assert ends(jvm)

    def end(self) -> None:
        """Stop the worker and leave nothing running, whatever happened."""
        if self.worker is None:
            return
        self.worker.stop()
        if (jvm := find(self.worker.folder.properties)) is not None:
            kill_group(jvm)

    def said(self) -> str:
        return (self.folder / "said").read_text()[-5_000:]

    def table(self, name: str) -> pa.Table:
        """All rows of a table of the lake, in the order of its objects' keys."""
        s3, prefix = self.site.client("s3"), f"{self.site.prefix}{name}/"
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.site.bucket, Prefix=prefix)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        bodies = (s3.get_object(Bucket=self.site.bucket, Key=key)["Body"].read() for key in keys)
        return pa.concat_tables(pq.read_table(io.BytesIO(body)) for body in bodies)
