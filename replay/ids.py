"""The ids of a tape, listed beside its lake as a producer lists its own."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kcl_app.core.columns import Array
from kcl_app.core.lake import manifest_key
from kcl_app.core.store import Store
from producer.manifest import PART_ROWS, SCHEMA


@dataclass
class Ids:
    """The manifest of run ``run``, in parts of ``part_rows`` ids. Every reading of a tape makes
    the same parts, and each is put once."""

    store: Store
    run: str
    shard: str
    part_rows: int = PART_ROWS
    parts: int = 0
    _ids: list[str] = field(default_factory=list, repr=False)
    _symbols: list[str] = field(default_factory=list, repr=False)
    _times: list[Array] = field(default_factory=list, repr=False)
    _done: int = 0

    def note(self, ids: Sequence[str], symbols: Sequence[str], times: Array) -> None:
        """Take the next ticks; full parts are put."""
        self._ids += ids
        self._symbols += symbols
        self._times.append(times)
        while len(self._ids) >= self.part_rows:
            self._put(self.part_rows)

    def close(self) -> None:
        """The tape is over: put what is left."""
        if self._ids:
            self._put(len(self._ids))

    def _put(self, rows: int) -> None:
        times = np.concatenate(self._times)
        numbers = range(self._done + 1, self._done + rows + 1)
        columns = [
            pa.array(self._ids[:rows], pa.string()),
            pa.array(self._symbols[:rows], pa.string()),
            pa.array(times[:rows]).view(SCHEMA.field("timestamp").type),
            pa.array([str(number) for number in numbers], pa.string()),
            pa.repeat(pa.scalar(self.shard), rows),
        ]
        body = io.BytesIO()
        pq.write_table(pa.table(columns, schema=SCHEMA), body, compression="zstd")
        self.parts += 1
        self.store.put_once(manifest_key(self.run, self.parts), body.getvalue())
        self._ids, self._symbols = self._ids[rows:], self._symbols[rows:]
        self._times, self._done = [times[rows:]], self._done + rows
