"""Do two lakes give the same answers? Read back from Parquet, column by column."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kcl_app.core.schema import ANOMALIES, TICKS

TOLERANCE = 1e-9
"""Relative: sums of floats depend on their order, and the two sides add differently."""

BAR_VALUES = (
    "symbol",
    "start",
    "end",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "vwap",
    "ticks",
    "first_at",
    "last_at",
)
WORDING = {"reason"}


class Different(Exception):
    """The two sides disagree. The text names table, column and the first such row."""


@dataclass(frozen=True)
class Lake:
    """Parquet objects below ``prefix`` of ``bucket``."""

    s3: Any
    bucket: str
    prefix: str

    def table(self, name: str) -> pa.Table:
        parts = [self._read(key) for key in self._keys(f"{self.prefix}/{name}/")]
        if not parts:
            raise Different(f"no {name} below {self.prefix}")
        return pa.concat_tables(parts)

    def clear(self) -> None:
        """Delete everything below the prefix."""
        for key in list(self._keys(f"{self.prefix}/")):
            self.s3.delete_object(Bucket=self.bucket, Key=key)

    def _keys(self, prefix: str) -> Iterator[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            yield from (item["Key"] for item in page.get("Contents", ()))

    def _read(self, key: str) -> pa.Table:
        body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return pq.read_table(io.BytesIO(body)).replace_schema_metadata()


def compare(ours: Lake, stock: Lake) -> dict[str, int]:
    """Rows by table, all found equal. Raises Different."""
    return {
        "ticks": _same("ticks", TICKS.arrow.names, ours, stock, ("sequence", "line")),
        "anomalies": _same(
            "anomalies",
            [name for name in ANOMALIES.arrow.names if name not in WORDING],
            ours,
            stock,
            ("sequence", "line", "kind"),
        ),
        "bars": _same("bars", BAR_VALUES, ours, stock, ("symbol", "start")),
    }


def _same(table: str, columns: Any, ours: Lake, stock: Lake, order: tuple[str, ...]) -> int:
    mine, theirs = (_sorted(_final(lake.table(table)), order) for lake in (ours, stock))
    if mine.num_rows != theirs.num_rows:
        raise Different(f"{table}: {mine.num_rows} rows, stock has {theirs.num_rows}")
    for column in columns:
        wrong = _unequal(mine[column], theirs[column])
        if len(wrong):
            raise Different(_explained(table, column, mine, theirs, int(wrong[0]), len(wrong)))
    return int(mine.num_rows)


def _final(table: pa.Table) -> pa.Table:
    """Of bars, those of the highest revision."""
    if "revision" not in table.column_names:
        return table
    keys = ["symbol", "start"]
    highest = table.group_by(keys).aggregate([("revision", "max")])
    highest = highest.rename_columns([*keys, "revision"])
    return table.join(highest, [*keys, "revision"], join_type="inner")


def _sorted(table: pa.Table, order: tuple[str, ...]) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in order]).combine_chunks()


def _unequal(mine: Any, theirs: Any) -> Any:
    """Indices of rows whose values differ, or where only one side has none."""
    nulls = pc.not_equal(mine.is_null(), theirs.is_null()).to_numpy()
    if pa.types.is_floating(mine.type):
        left, right = (np.nan_to_num(side.to_numpy()) for side in (mine, theirs))
        off = ~np.isclose(left, right, rtol=TOLERANCE, atol=TOLERANCE)
    else:
        off = pc.fill_null(pc.not_equal(mine, theirs), False).to_numpy()
    return np.flatnonzero(nulls | off)


def _explained(
    table: str, column: str, mine: pa.Table, theirs: pa.Table, row: int, count: int
) -> str:
    left, right = (side.slice(row, 1).to_pylist()[0] for side in (mine, theirs))
    return (
        f"{table}.{column}: {count} rows differ, first {left[column]!r} and stock's "
        f"{right[column]!r}\nours:  {left}\nstock: {right}"
    )
