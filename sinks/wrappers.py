"""Sinks around a sink: retry, filter and fall back are wrapped, not configured.

In the settings the inner sink is a table of its own: ``use = "retrying"``,
``sink = {use = "sqlite", path = "flags.db"}``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kcl_app.core.contract import Batch, Refused, Retry, Sink, When
from kcl_app.core.schema import HANDED


@dataclass
class Wrapping(Sink):
    """Passes everything on to ``sink``; when and guarantee are that sink's."""

    sink: Sink

    @property
    def when(self) -> When:  # type: ignore[override]
        return self.sink.when

    @property
    def guarantee(self) -> str:  # type: ignore[override]
        return self.sink.guarantee

    def open(self) -> None:
        self.sink.site = self.site
        self.sink.open()

    def write(self, batch: Batch) -> None:
        self.sink.write(batch)

    def close(self) -> None:
        self.sink.close()


@dataclass
class Retrying(Wrapping):
    """Tries again at once where the sink raises any error, up to ``attempts`` in all.

    For sinks whose author raises no Retry. Waits ``after_s`` seconds, doubled each
    time. Retry and Refused pass as they are; so does the last error.
    """

    attempts: int = 5
    after_s: float = 0.2
    sleep: Callable[[float], None] = field(default=time.sleep, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts = {self.attempts} must be at least 1")

    def write(self, batch: Batch) -> None:
        for attempt in range(1, self.attempts):
            try:
                return self.sink.write(batch)
            except (Retry, Refused):
                raise
            except Exception:
                self.sleep(self.after_s * 2 ** (attempt - 1))
        self.sink.write(batch)


@dataclass
class Filtering(Wrapping):
    """Passes on the rows of ``table`` whose ``column`` is one of ``values``; other tables wholly.

    Only for sinks with when="batch": which rows a cut's objects have is settled by
    its record.
    """

    table: str
    column: str
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.table not in HANDED:
            raise ValueError(f"table = {self.table!r} is not one of {', '.join(HANDED)}")
        names = HANDED[self.table].arrow.names
        if self.column not in names:
            raise ValueError(f"column = {self.column!r} is not in {self.table}: {', '.join(names)}")
        if self.sink.when != "batch":
            raise ValueError("a sink that writes whole cuts cannot be filtered")

    def write(self, batch: Batch) -> None:
        rows = batch.table(self.table)
        wanted = pa.array(self.values, rows.schema.field(self.column).type)
        is_wanted = pc.is_in(rows[self.column], value_set=wanted)
        chosen = np.flatnonzero(is_wanted.to_numpy())  # indices_nonzero crashes on zero chunks
        kept = {**batch.tables, self.table: rows.take(chosen)}
        try:
            self.sink.write(Batch(batch.shard, kept, batch.cut))
        except Refused as refused:
            if refused.table != self.table:
                raise
            outside = {int(chosen[row]): why for row, why in refused.rows.items()}
            raise Refused(outside, self.table) from refused


@dataclass
class Fallback(Wrapping):
    """Writes to ``second`` what ``sink`` asks Retry for; any other error passes.

    A batch is then in the one or the other, or in both where the first one's answer
    was lost: whoever reads must ask both.
    """

    second: Sink

    def __post_init__(self) -> None:
        if self.sink.when != self.second.when:
            raise ValueError(
                f'both sinks must take the same: when="{self.sink.when}" is not '
                f'when="{self.second.when}"'
            )

    def open(self) -> None:
        super().open()
        self.second.site = self.site
        self.second.open()

    def write(self, batch: Batch) -> None:
        try:
            self.sink.write(batch)
        except Retry:
            self.second.write(batch)

    def close(self) -> None:
        try:
            self.sink.close()
        finally:
            self.second.close()
