"""Rows of a lake as records again, each at the very position that it had.

Rules:
1. What was accepted goes through the decoder as JSON, what was rejected as the bytes
   that came: so a later release or other settings judge both anew.
2. A row keeps its line: lines between may have been dropped as repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat, starmap
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from kcl_app.core import padded
from kcl_app.core.columns import Array, Columns, text
from kcl_app.core.decode import FLOATS, Decoded, Decoder
from kcl_app.core.records import Records
from producer.times import iso

PLACE = ("sequence", "sub_sequence", "line")
READ = {
    "ticks": ("symbol", "timestamp", "price", *FLOATS, "kind", "source", "id", "arrival", *PLACE),
    "rejects": ("data", "partition_key", "arrival", *PLACE),
}
"""Columns of the lake that are read again; all others are computed anew."""


class _Tick(msgspec.Struct, gc=False):
    """A tick as JSON. A missing number is NaN here and null there."""

    symbol: str
    timestamp: str
    price: float
    open: float | None
    high: float | None
    low: float | None
    previous_close: float | None
    change: float | None
    change_percent: float | None
    volume: float | None
    kind: str
    source: str | None
    id: str | None


_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class StoredRecords(Records):
    """User records whose rows are known: ``rows`` are (line, partition key, bytes) of each;
    ``data`` joins them, for its size."""

    rows: Sequence[Sequence[tuple[int, str, bytes]]] = ()

    def slice(self, start: int, stop: int) -> StoredRecords:
        plain = Records.slice(self, start, stop)
        return StoredRecords(
            plain.sequences, plain.subs, plain.arrivals, plain.keys, plain.data,
            self.rows[start:stop],
        )  # fmt: skip


class StoredDecoder(Decoder):
    """The decoder, but for lines: they are not found by splitting, they are known."""

    def decode(self, records: Records) -> Decoded:
        """Records of a lake row by row; others as ever."""
        if not isinstance(records, StoredRecords):
            return Decoder.decode(self, records)
        owner = np.repeat(np.arange(len(records)), list(map(len, records.rows)))
        every = [row for rows in records.rows for row in rows]
        lines = np.array([line for line, _, _ in every], dtype=np.int32)
        at = owner.tolist()
        alone = Records(
            [records.sequences[n] for n in at],
            [records.subs[n] for n in at],
            [records.arrivals[n] for n in at],
            [key for _, key, _ in every],
            [data for _, _, data in every],
        )
        decoded = Decoder.decode(self, alone)
        placed = [
            rows.having(record=owner[rows["record"]].astype(np.int32), line=lines[rows["record"]])
            for rows in (decoded.ticks, decoded.rejects)
        ]
        return replace(decoded, ticks=placed[0], rejects=placed[1])


def place(ticks: pa.Table, rejects: pa.Table) -> tuple[Array, Columns]:
    """The order of the stream over ticks then rejects, and their places, as they stand."""
    both = pa.concat_tables([ticks.select(list(PLACE)), rejects.select(list(PLACE))])
    columns = Columns(
        {
            "sequence": text(both["sequence"].to_pylist()),
            "sub_sequence": both["sub_sequence"].to_numpy(),
            "line": both["line"].to_numpy(),
        }
    )
    if not columns.size:
        return np.zeros(0, dtype=np.int64), columns
    keys = (columns["line"], columns["sub_sequence"], padded.sequences(columns["sequence"]))
    return np.lexsort(keys), columns


def records(ticks: pa.Table, rejects: pa.Table) -> Records:
    """A cut's rows as the user records that they came in, in the order of the stream."""
    order, columns = place(ticks, rejects)
    every = [*_encoded(ticks), *rejects["data"].to_pylist()]
    data = [every[row] for row in order.tolist()]
    names = [*ticks["symbol"].to_pylist(), *rejects["partition_key"].to_pylist()]
    keys = text(names)[order].tolist()
    arrivals = np.concatenate([_micros(t["arrival"]) for t in (ticks, rejects)])[order] // 1000
    sequences, subs = columns["sequence"][order], columns["sub_sequence"][order]
    lines = columns["line"][order]
    plain = Records(sequences.tolist(), subs.tolist(), arrivals.tolist(), keys, data)
    fresh = np.ones(len(order), dtype=bool)
    fresh[1:] = (sequences[1:] != sequences[:-1]) | (subs[1:] != subs[:-1])
    if fresh.all() and not lines.any():
        return plain
    return _joined(plain, lines.tolist(), np.flatnonzero(fresh).tolist())


def _joined(rows: Records, lines: list[int], first: list[int]) -> StoredRecords:
    """Rows that share a position as one record."""
    spans = list(zip(first, [*first[1:], len(rows)], strict=True))
    return StoredRecords(
        [rows.sequences[a] for a in first],
        [rows.subs[a] for a in first],
        [rows.arrivals[a] for a in first],
        [rows.keys[a] for a in first],
        [b"\n".join(rows.data[a:z]) for a, z in spans],
        [list(zip(lines[a:z], rows.keys[a:z], rows.data[a:z], strict=True)) for a, z in spans],
    )


def _encoded(ticks: pa.Table) -> list[bytes]:
    columns: list[Any] = []
    for field in _Tick.__struct_fields__:
        column = ticks[field]
        if field == "timestamp":
            columns.append(iso(_micros(column)))
        elif column.null_count == len(column):
            columns.append(repeat(None, len(column)))
        elif field in FLOATS or field == "price":
            columns.append(column.to_numpy().tolist())
        else:
            columns.append(column.to_pylist())
    return list(map(_encode, starmap(_Tick, zip(*columns, strict=True))))


def _micros(column: pa.ChunkedArray) -> Array:
    micros: Array = column.cast(pa.int64()).to_numpy()
    return micros
