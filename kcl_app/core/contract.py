"""What a sink is, and what it is handed. Plugin authors import these from ``sinks``.

Rules:
1. ``write`` returns only when the batch is durable. Then, and only then, the
   shard goes on.
2. The same rows may come again, cut differently: after a crash, a moved lease, a
   retry. A sink makes a repeat harmless in the way its ``guarantee`` says.
3. ``Retry`` means later, ``Refused`` means never for these rows; any other
   exception stops the shard, which replays from its checkpoint.
4. A batch is a fact: nobody changes it on its way.
5. A row of ``live_bars`` is a value that goes on changing, not a record: of two rows of a
   bar the one with the greater position (sequence, sub_sequence) is newer, of equal
   ones the closed one. A replay, a moved lease or a cut begun anew tells a bar again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pyarrow as pa

from kcl_app.core.cut import CutRecord
from kcl_app.core.schema import HANDED

When = Literal["batch", "cut"]


class Retry(Exception):
    """The sink cannot write now; the same batch is offered again after ``after_s`` seconds."""

    def __init__(self, after_s: float, why: str = "") -> None:
        super().__init__(f"again in {after_s:g} s: {why}" if why else f"again in {after_s:g} s")
        self.after_s = after_s
        self.why = why


class Refused(Exception):
    """The sink will never take these rows of ``table``; all others of the batch are durable.

    ``rows`` maps a row's index in ``batch.table(table)`` to the reason.
    """

    def __init__(self, rows: Mapping[int, str], table: str = "ticks") -> None:
        super().__init__(f"{len(rows)} rows of {table} refused: {next(iter(rows.values()), '')}")
        self.rows = dict(rows)
        self.table = table


@dataclass(frozen=True)
class Batch:
    """Tables of one shard: of a KCL call (``cut`` is None) or of a whole cut.

    ``tables`` holds ``ticks``, ``anomalies``, ``rejects`` and, in a cut, ``bars``
    (with a leading column ``interval``), in the columns of ``core.schema``. A call has
    ``live_bars`` instead, where the settings ask for them: then one may come without any
    tick, when silence closed bars. A table without rows may be absent.
    """

    shard: str
    tables: Mapping[str, pa.Table]
    cut: CutRecord | None = None

    def table(self, name: str) -> pa.Table:
        """The table's columns; empty where the batch has no such rows. KeyError if unknown."""
        if name in self.tables:
            return self.tables[name]
        return HANDED[name].arrow.empty_table()

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The table's rows as dicts; times are aware datetimes in UTC, missing is None."""
        rows: list[dict[str, Any]] = self.table(name).to_pylist()
        return rows


@dataclass
class Sink:
    """Somewhere batches go. Subclass as a dataclass: its fields are the sink's settings.

    ``when`` is ``"batch"`` for low latency (every KCL call, before the cut is
    durable) or ``"cut"`` for large writes (once a cut). ``guarantee`` is one
    sentence that says what a repeat does. Context of the deployment (endpoint,
    lake, credentials) is in ``self.site``, set before ``open``.
    """

    when: ClassVar[When] = "batch"
    guarantee: ClassVar[str] = "at least once"
    site: Any = field(default=None, init=False, repr=False)

    def open(self) -> None:
        """Called once, before the first write, in the process that writes."""

    def write(self, batch: Batch) -> None:
        """Make the batch durable. Raises Retry or Refused; anything else stops the shard."""
        raise NotImplementedError

    def close(self) -> None:
        """Called once when the shard is let go. Not called after a crash."""
