"""What was injected where, in a file beside the data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kcl_app.core.schema import UTC_US
from producer.source import SourceError
from producer.times import iso

SCHEMA = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("start", UTC_US, nullable=False),
        pa.field("end", UTC_US, nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("size", pa.float64(), nullable=False),
    ]
)
FORMS = (".parquet", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Truth:
    """``start`` and ``end`` are the times of the first and last step concerned, microseconds
    UTC; ``kind`` and ``size`` as ``producer.anomalies`` says."""

    symbol: str
    start: int
    end: int
    kind: str
    size: float


def check(path: str) -> None:
    """SourceError where no truth can be written to ``path``."""
    if Path(path).suffix not in FORMS:
        raise SourceError(f"truth = {path}: the name must end in {', '.join(FORMS)}")
    if not Path(path).absolute().parent.is_dir():
        raise SourceError(f"truth = {path}: there is no folder {Path(path).parent}")


def write(path: str, truths: Sequence[Truth]) -> None:
    """Write ``truths`` sorted by start and symbol, all or nothing."""
    rows = sorted(truths, key=lambda truth: (truth.start, truth.symbol))
    beside = Path(f"{path}.part")
    try:
        _dump(beside, path, rows)
        os.replace(beside, path)
    except OSError as wrong:
        raise SourceError(f"truth = {path}: {wrong.strerror}") from wrong


def _dump(beside: Path, path: str, rows: Sequence[Truth]) -> None:
    if path.endswith(".parquet"):
        table = pa.Table.from_pylist([asdict(row) for row in rows], schema=SCHEMA)
        pq.write_table(table, beside, compression="zstd")
        return
    lines = [
        msgspec.json.encode({**asdict(row), "start": _text(row.start), "end": _text(row.end)})
        for row in rows
    ]
    beside.write_bytes(b"".join(line + b"\n" for line in lines))


def _text(time: int) -> str:
    return iso(np.array([time]))[0]
