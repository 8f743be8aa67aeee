"""Files as the origin: one shard, positions are running numbers from 1.

Rules:
1. A tick's arrival is the newest event time that the tape has reached: its own, or for a
   tick that is late in the file, that of the tick it comes behind. Times outside the
   market's years do not count.
2. Each tick carries a record id made of what is read and its number, as a producer's
   does; the ids are listed in the new lake, for the proof that none is missing.
3. A tape has an end, and so has the shard.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from kcl_app.core.columns import Array
from kcl_app.core.position import Position
from kcl_app.core.records import Records
from producer.publish import encoded, partition_key
from producer.replay import ReplaySource
from producer.source import Ticks, settings_of
from replay.arrivals import Arrivals
from replay.ids import Ids
from replay.origin import ReplayError

SHARD = "backfill-000000000000"
BLOCK = 1 << 20


@dataclass
class FileOrigin:
    """``source`` reads the files; ``years`` are the market's. ``ids``, where it is set, notes
    every tick before it goes on, and is closed at the tape's end."""

    source: ReplaySource
    years: tuple[int, int]
    ids: Ids | None = None

    def __post_init__(self) -> None:
        self._digest = _digest(self.source)

    @property
    def name(self) -> str:
        names = [Path(path).name for path in self.source.files]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return f"files {', '.join(names[:3])}{more} ({self._digest})"

    @property
    def run(self) -> str:
        """What the ids begin with."""
        return f"replay-{self._digest}"

    def total(self) -> int | None:
        return self.source.total()

    def shards(self) -> Sequence[str]:
        return (SHARD,)

    def parents(self, shard: str) -> Sequence[str]:
        return ()

    def ended(self, shard: str) -> bool:
        return True

    def read(self, shard: str, after: Position | None) -> Iterator[Records]:
        """From the first tick on, whatever ``after`` says: its id and arrival come from those
        before it."""
        begun = int(after.sequence) if after else 0
        done, reached = 0, Arrivals(self.years)
        for ticks in self.source.batches():
            arrivals = reached.of(ticks.times)
            numbers = range(done + 1, done + len(ticks) + 1)
            done += len(ticks)
            ids = [f"{self.run}-{number:09d}" for number in numbers]
            keys = [partition_key(row.get("symbol")) for row in ticks.rows]
            if self.ids is not None:
                self.ids.note(ids, keys, ticks.times)
            if done > begun:
                yield _records(ticks, numbers, arrivals, keys, ids)
        if self.ids is not None:
            self.ids.close()


def _records(
    ticks: Ticks, numbers: range, arrivals: Array, keys: Sequence[str], ids: Sequence[str]
) -> Records:
    rows: Iterator[tuple[Mapping[str, object], str]] = zip(ticks.rows, ids, strict=True)
    return Records(
        [str(number) for number in numbers],
        [0] * len(numbers),
        (arrivals // 1000).tolist(),
        keys,
        [encoded({**row, "id": name}) for row, name in rows],
    )


def _digest(source: ReplaySource) -> str:
    """Of the files' bytes and names, and of how they are to be read."""
    names = sorted({*settings_of(ReplaySource)} - {"files"})
    settings = {name: getattr(source, name) for name in names}
    hashed = hashlib.blake2b(msgspec.json.encode(settings), digest_size=6)
    for path in source.files:
        hashed.update(f"\n{Path(path).name}\n".encode())
        _add(hashed, path)
    return hashed.hexdigest()


def _add(hashed: hashlib.blake2b, path: str) -> None:
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                hashed.update(block)
    except OSError as wrong:
        raise ReplayError(f"{path}: cannot be read: {wrong.strerror or wrong}") from wrong
