"""Which rows of a cut stand in which object: what the cut record says, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord, ObjectEntry
from kcl_app.core.schema import TABLES

DAY_US = 86_400_000_000
TIME = {"ticks": "timestamp", "anomalies": "timestamp", "rejects": "arrival", "bars": "start"}
"""The column whose UTC date is dt."""
SORTED_BY = {"rejects": "partition_key"}
"""Where a table has no symbol."""

Array = np.ndarray[Any, np.dtype[Any]]


class Misplaced(Exception):
    """A batch does not hold the rows that its cut record counts. Says table, dt and numbers."""


def objects(batch: Batch) -> Iterator[tuple[ObjectEntry, pa.Table]]:
    """Every object of the record, with its rows sorted by symbol and time (ties: as they came).

    The record decides. A derived table's object that this batch has no rows for is
    empty, its unlisted rows are dropped: the first writer's values stand. Of
    all other tables every row must be listed and every count must agree, else
    Misplaced.
    """
    if batch.cut is None:
        raise ValueError("this sink writes whole cuts; the batch has no cut record")
    for name in TABLES:
        entries = [entry for entry in batch.cut.objects if entry.table == name]
        yield from _objects_of(name, entries, batch.table(name), batch.cut)


def _objects_of(
    name: str, entries: list[ObjectEntry], table: pa.Table, cut: CutRecord
) -> Iterator[tuple[ObjectEntry, pa.Table]]:
    derived = TABLES[name].derived
    listed = sum(entry.rows for entry in entries)
    if not derived and table.num_rows != listed:
        raise Misplaced(
            f"cut {cut.name}: its record lists {listed} rows of {name}, the batch has "
            f"{table.num_rows}"
        )
    rows, groups = _grouped(name, table)
    for entry in entries:
        start, stop = groups.get((entry.interval, _day(entry.dt)), (0, 0))
        if not derived and stop - start != entry.rows:
            raise Misplaced(
                f"cut {cut.name}: its record lists {entry.rows} rows of {name} on {entry.dt}, "
                f"the batch has {stop - start}"
            )
        yield entry, rows.slice(start, stop - start)


def _grouped(name: str, table: pa.Table) -> tuple[pa.Table, dict[tuple[str, int], tuple[int, int]]]:
    """The rows in object order, and where each (interval, day) starts and stops in them."""
    schema = TABLES[name].arrow
    if not table.num_rows:
        return schema.empty_table(), {}
    times = _numbers(table[TIME[name]])
    intervals, interval = _ranked(table["interval"]) if name == "bars" else ([""], times * 0)
    _, symbol = _ranked(table[SORTED_BY.get(name, "symbol")])
    days = times // DAY_US
    order = np.lexsort((times, symbol, days, interval))
    keys = np.stack([interval[order], days[order]])
    starts = np.flatnonzero(np.any(np.diff(keys, axis=1, prepend=keys[:, :1] - 1) != 0, axis=0))
    stops = [*starts[1:].tolist(), table.num_rows]
    groups = {
        (intervals[int(keys[0, start])], int(keys[1, start])): (start, stop)
        for start, stop in zip(starts.tolist(), stops, strict=True)
    }
    return table.select(schema.names).cast(schema).combine_chunks().take(pa.array(order)), groups


def _numbers(column: pa.ChunkedArray) -> Array:
    """Microseconds since 1970."""
    numbers: Array = column.cast(pa.int64()).to_numpy()
    return numbers


def _ranked(column: pa.ChunkedArray) -> tuple[list[str], Array]:
    """The distinct texts in order, and each row's place among them."""
    coded = column.combine_chunks().dictionary_encode()
    texts = np.array(coded.dictionary.to_pylist(), dtype=object)
    order = np.argsort(texts)
    ranks = np.empty(len(texts), dtype=np.int64)
    ranks[order] = np.arange(len(texts))
    return texts[order].tolist(), ranks[coded.indices.to_numpy()]


def _day(dt: str) -> int:
    return int(np.datetime64(dt, "D").astype(np.int64))
