"""Positions of rows, as Arrow columns: ordered, compared, and digested as the cut record is."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from kcl_app.core.cut import digest
from kcl_app.core.position import SEQUENCE_DIGITS, SUB_DIGITS, Position

POSITION = ("sequence", "sub_sequence", "line")
_ORDER = [(name, "ascending") for name in POSITION]


def ordered(parts: list[pa.Table]) -> pa.Table:
    """The position columns of ``parts`` in stream order, sequences padded to 56 digits."""
    rows = pa.concat_tables([part.select(POSITION) for part in parts])
    padded = pc.utf8_lpad(rows["sequence"], SEQUENCE_DIGITS, padding="0")
    return rows.set_column(0, "sequence", padded).sort_by(_ORDER).combine_chunks()


def digest_of(rows: pa.Table) -> str:
    """The digest of ordered rows, as ``core.cut.digest`` has it."""
    subs = rows["sub_sequence"].to_numpy()
    return digest(rows["sequence"].to_pylist(), subs, rows["line"].to_numpy())


def doubled(rows: pa.Table) -> pa.Table:
    """Those of the ordered rows that repeat the position of the row before them."""
    return rows.slice(1).filter(_same_as_before(rows, POSITION)) if rows.num_rows > 1 else rows[:0]


def distinct_records(rows: pa.Table) -> pa.Table:
    """The ordered rows' user records: one row each, sequence and sub-sequence."""
    if rows.num_rows < 2:
        return rows
    new = pc.invert(_same_as_before(rows, POSITION[:2]))
    return rows.filter(pa.chunked_array([pa.array([True]), *_chunks(new)]))


def outside(rows: pa.Table, first: Position, last: Position) -> pa.Table:
    """Rows whose record lies before ``first`` or after ``last``."""
    spoken = keys(rows)
    return rows.filter(pc.or_(pc.less(spoken, first.key), pc.greater(spoken, last.key)))


def keys(rows: pa.Table) -> Any:
    """``Position.key`` of each row; its text order is the stream's."""
    padded = pc.utf8_lpad(rows["sequence"], SEQUENCE_DIGITS, padding="0")
    subs = pc.utf8_lpad(rows["sub_sequence"].cast(pa.string()), SUB_DIGITS, padding="0")
    return pc.binary_join_element_wise(padded, subs, "-")


def strangers(rows: pa.Table, home: pa.Table) -> pa.Table:
    """Those of ``rows`` whose position no row of ``home`` has."""
    return rows.filter(pc.invert(pc.is_in(_named(rows), value_set=_named(home))))


def sample(rows: pa.Table, most: int = 3) -> tuple[str, ...]:
    """The first positions, as people read them: sequence/sub-sequence/line."""
    return tuple(
        f"{row['sequence'].lstrip('0') or '0'}/{row['sub_sequence']}/{row['line']}"
        for row in rows.slice(0, most).to_pylist()
    )


def _same_as_before(rows: pa.Table, names: tuple[str, ...]) -> Any:
    same: Any = None
    for name in names:
        equal = pc.equal(rows[name].slice(1), rows[name].slice(0, rows.num_rows - 1))
        same = equal if same is None else pc.and_(same, equal)
    return same


def _named(rows: pa.Table) -> Any:
    named = pc.binary_join_element_wise(keys(rows), rows["line"].cast(pa.string()), "-")
    return named.combine_chunks() if isinstance(named, pa.ChunkedArray) else named


def _chunks(array: Any) -> list[Any]:
    return array.chunks if isinstance(array, pa.ChunkedArray) else [array]
