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

import pyarrow as pa

from bench.daemon import SHARD
from bench.race import BUCKET, client
from bench.tape import OPENING, Tape, sequence
from config.load import restore
from config.site import Site
from deploy.local.emulator import LocalAws
from kcl_app import envelope, wiring
from kcl_app.core.columns import Columns
from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord, ObjectEntry
from kcl_app.core.flow import Flow
from kcl_app.core.records import Records
from kcl_app.core.tables import bars_to_arrow, to_arrow
from sinks.parquet import ParquetSink

BATCH = 10_000
CUT = 100_000
DEFAULTS = restore(b"{}")
REPEATS = 3
RUN = 20


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
    decoder = wiring.decoder(DEFAULTS)

    def work() -> None:
        for call in calls:
            decoder.decode(call)

    yield Part("records to columns", records, best(work))


def flow(records: int, symbols: int, run: int = 1) -> Iterator[Part]:
    """Windows, indicators and flags of every call, then the bars of every cut.

    All symbols were seen before. The fewer ticks a symbol has, the more bars a cut touches: in
    runs, many symbols have about as many ticks a bar as few, and what is left of the
    difference is the price of their memory.
    """
    decoder = wiring.decoder(DEFAULTS)
    tape = Tape(2 * records, symbols, run=run)
    calls = [decoder.decode(call).ticks for call in batches(tape)]
    warm = Flow(SHARD, wiring.rules(DEFAULTS))
    half = len(calls) // 2
    _cuts(warm, calls[:half])
    runs = [_cuts(warm.copy(), calls[half:]) for _ in range(REPEATS)]
    bars = sum(rows.size for cut in runs[0] for rows in cut.bars.values())
    feed = min(sum(cut.feed for cut in run) for run in runs)
    close = min(sum(cut.close for cut in run) for run in runs)
    name = f"flow at {symbols:,} symbols" + (f" in runs of {run}" if run > 1 else "")
    yield Part(f"{name}: windows and flags", records, feed)
    yield Part(f"{name}: {bars:,} bars", records, close)


@dataclass(frozen=True)
class _Cut:
    """What a cut came to, and CPU seconds of its two halves."""

    ticks: Columns
    bars: dict[str, Columns]
    feed: float
    close: float


def _cuts(flow: Flow, calls: list[Columns]) -> list[_Cut]:
    cuts = []
    for some in batched(calls, CUT // BATCH):
        begun = time.process_time()
        fed = [flow.feed(ticks).ticks for ticks in some]
        between = time.process_time()
        ticks = Columns.joined(fed)
        bars = flow.close(ticks)
        cuts.append(_Cut(ticks, bars, between - begun, time.process_time() - between))
    return cuts


def parquet(records: int = CUT) -> Iterator[Part]:
    """One cut's tables into Arrow, and through the sink into the store."""
    decoder = wiring.decoder(DEFAULTS)
    calls = [decoder.decode(call).ticks for call in batches(Tape(records))]
    (cut,) = _cuts(Flow(SHARD, wiring.rules(DEFAULTS)), calls)
    yield Part("columns to Arrow", records, best(lambda: _arrow(cut)))
    tables = _arrow(cut)
    with tempfile.TemporaryDirectory(prefix="tapeline-bench-") as folder, LocalAws(folder) as aws:
        client(aws, "s3").create_bucket(Bucket=BUCKET)
        lake = DEFAULTS.lake.model_copy(update={"bucket": BUCKET})
        site = Site(DEFAULTS.model_copy(update={"endpoint_url": aws.endpoint_url, "lake": lake}))
        sink = ParquetSink()
        sink.site = site
        sink.open()
        lives = iter(range(REPEATS))
        write = best(lambda: sink.write(_batch(f"life{next(lives)}", tables)))
        sink.close()
    yield Part("Parquet sink", records, write)


def _arrow(cut: _Cut) -> dict[str, pa.Table]:
    return {
        "ticks": to_arrow("ticks", cut.ticks, SHARD),
        "bars": bars_to_arrow(cut.bars, SHARD),
    }


def _batch(life: str, tables: dict[str, pa.Table]) -> Batch:
    """A cut of one day that lists these tables; another life is another object."""
    day = str(OPENING.date())
    entries = tuple(
        ObjectEntry(name, day, table.num_rows, "1m" if name == "bars" else "", name == "bars")
        for name, table in tables.items()
    )
    return Batch(SHARD, tables, CutRecord(life, SHARD, None, objects=entries))


def every() -> Iterator[Part]:
    """All parts, in a record's order."""
    yield from lines(CUT)
    yield from decode(CUT)
    yield from flow(2 * CUT, 200)
    yield from flow(2 * CUT, 20_000)
    yield from flow(2 * CUT, 200, RUN)
    yield from flow(2 * CUT, 20_000, RUN)
    yield from parquet()


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
