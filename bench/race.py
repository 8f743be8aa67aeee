"""tapeline's shard process against a stock one: the same tape, the same store, in turns."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.compare import Lake, compare
from bench.daemon import Cost, run
from bench.tape import Tape
from config.load import dump, restore
from config.settings import Settings, SinkUse, Stream
from config.site import Site
from deploy.local.emulator import LocalAws
from kcl_app.life import Life, open_life
from kcl_app.wiring import lake_store

BUCKET = "bench"
STREAM = "bench"


@dataclass(frozen=True)
class Round:
    """What one turn of each side cost, and the rows by table that both wrote alike."""

    ours: Cost
    stock: Cost
    rows: dict[str, int]

    @property
    def ratio(self) -> float:
        """Records per CPU-second, ours over stock's."""
        return self.stock.cpu / self.ours.cpu


@dataclass(frozen=True)
class Race:
    """``batch`` records a line, ``cut`` records a cut. Answers are compared after each round."""

    tape: Tape
    batch: int
    cut: int
    folder: Path
    aws: LocalAws
    say: Callable[[str], None]

    def rounds(self, count: int) -> Iterator[Round]:
        """Ours and stock in turns; who begins alternates."""
        lines = self.folder / "lines"
        self.say(f"writing {self.tape.records:,} records")
        self.tape.write(lines, self.batch)
        for number in range(count):
            yield self._round(number, lines)

    def _round(self, number: int, lines: Path) -> Round:
        sides = {"ours": self._ours, "stock": self._stock}
        costs: dict[str, Cost] = {}
        for side in list(sides) if number % 2 == 0 else list(reversed(sides)):
            self.say(f"round {number + 1}: {side}")
            costs[side] = sides[side](f"{side}-{number}", lines)
        self.say(f"round {number + 1}: comparing answers")
        rows = compare(self._lake(f"ours-{number}"), self._lake(f"stock-{number}"))
        for side in sides:
            self._lake(f"{side}-{number}").clear()
        return Round(costs["ours"], costs["stock"], rows)

    def _ours(self, name: str, lines: Path) -> Cost:
        chosen = self._settings(name)
        open_life(lake_store(Site(chosen)), Life(name, "bench", STREAM, ""))
        run_folder = self.folder / name
        run_folder.mkdir()
        settings = run_folder / "settings.json"
        settings.write_bytes(dump(chosen))
        command = [sys.executable, "-m", "kcl_app.shard", str(settings)]
        return run(command, _environment(), lines, self.folder / f"{name}.log")

    def _stock(self, name: str, lines: Path) -> Cost:
        arguments = [self.aws.endpoint_url, BUCKET, name, str(self.cut)]
        command = [sys.executable, "-m", "bench.stock", *arguments]
        return run(command, _environment(), lines, self.folder / f"{name}.log")

    def _settings(self, prefix: str) -> Settings:
        """Cuts close by records alone, and only Parquet is written: as the stock side does."""
        defaults = restore(b"{}")
        cut = {"records": self.cut, "seconds": 1e6, "idle_seconds": 1e6, "megabytes": 1e6}
        return defaults.model_copy(
            update={
                "endpoint_url": self.aws.endpoint_url,
                "stream": Stream(name=STREAM),
                "lake": defaults.lake.model_copy(update={"bucket": BUCKET, "prefix": prefix}),
                "cut": defaults.cut.model_copy(update=cut),
                "sinks": (SinkUse(use="parquet"),),
            }
        )

    def _lake(self, prefix: str) -> Lake:
        return Lake(client(self.aws, "s3"), BUCKET, prefix)


@contextmanager
def prepared(tape: Tape, batch: int, cut: int, say: Callable[[str], None]) -> Iterator[Race]:
    """A race with a store of its own, in another process that is not counted."""
    with (
        tempfile.TemporaryDirectory(prefix="tapeline-bench-") as folder,
        LocalAws(Path(folder, "aws")) as aws,
    ):
        furnish(aws)
        yield Race(tape, batch, cut, Path(folder), aws, say)


def furnish(aws: LocalAws) -> None:
    """The bucket of both sides, and the stream that our side asks about its shard."""
    client(aws, "s3").create_bucket(Bucket=BUCKET)
    client(aws, "kinesis").create_stream(StreamName=STREAM, ShardCount=1)


def client(aws: LocalAws, service: str) -> Any:
    local = restore(b"{}").model_copy(update={"endpoint_url": aws.endpoint_url})
    return Site(local).client(service)


def _environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TAPELINE_"))}
