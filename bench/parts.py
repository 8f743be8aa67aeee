"""What the shard process is made of, part by part, without pipes or other processes.

CPU time of this process, so the parquet part counts its upload but not the store.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any

from bench.tape import Tape, sequence
from config.load import restore
from kcl_app import envelope
from kcl_app.core.decode import Decoder
from kcl_app.core.records import Records

BATCH = 10_000
REPEATS = 3


@dataclass(frozen=True)
class Part:
    """The best of a few runs: CPU seconds for so many records."""

    name: str
    records: int
    cpu: float

    @property
    def microseconds(self) -> float:
        return 1e6 * self.cpu / self.records


def lines(records: int) -> Iterator[Part]:
    """From the daemon's line to a call's records."""
    with tempfile.TemporaryDirectory(prefix="tapeline-bench-") as folder:
        path = Path(folder, "lines")
        Tape(records).write(path, BATCH)
        messages = path.read_bytes().splitlines()

    def work() -> None:
        for message in messages:
            assert envelope.decode(message).columns is not None

    yield Part("line to records", records, best(work))


def decode(records: int) -> Iterator[Part]:
    """From records to columns."""
    calls = list(batches(Tape(records)))
    decoder = _decoder()

    def work() -> None:
        for call in calls:
            decoder.decode(call)

    yield Part("records to columns", records, best(work))


def best(work: Callable[[], Any]) -> float:
    """CPU seconds of the fastest of a few runs."""
    costs = []
    for _ in range(REPEATS):
        begun = time.process_time()
        work()
        costs.append(time.process_time() - begun)
    return min(costs)


def batches(tape: Tape) -> Iterator[Records]:
    """The tape as calls of the KCL."""
    for many in batched(enumerate(tape.payloads()), BATCH):
        yield Records(
            [sequence(index) for index, _ in many],
            [0] * len(many),
            [int(at.timestamp() * 1000) + 40 for _, (_, at, _) in many],
            [key for _, (key, _, _) in many],
            [data for _, (_, _, data) in many],
        )


def _decoder() -> Decoder:
    market = restore(b"{}").market
    return Decoder(market.timezone, market.earliest_year, market.latest_year)
