"""What in a cut record contradicts itself. Pure."""

from __future__ import annotations

from kcl_app.core.cut import CutRecord
from kcl_app.core.position import HEAD, Position


def contradictions(record: CutRecord) -> list[str]:
    """Each in words: positions within the record, and numbers that must agree with each other."""
    wrong = []
    after, first, last = record.begins_after, record.first_at, record.last
    if record.kind == "cut":
        if first is None or last is None:
            return ["it names no first or no last record"]
        if first.order <= order(after):
            wrong.append(f"its first record {first} isn't after {named(after)}")
        if last.position < first:
            wrong.append(f"its last record {last.position} lies before its first {first}")
        for table, rows in (("ticks", record.rows), ("rejects", record.rejects)):
            listed = sum(o.rows for o in record.objects if o.table == table)
            if listed != rows:
                wrong.append(f"it says {rows} {table}, its objects add up to {listed}")
    elif record.kind == "gap" and (last is None or last.position.order <= order(after)):
        wrong.append("the gap doesn't say where reading goes on")
    if record.kind != "cut" and (record.objects or record.rows or record.rejects):
        wrong.append(f"a record of kind {record.kind} holds rows")
    if record.kind == "end" and record.ends_at != after:
        wrong.append("the END doesn't end where it begins")
    seen = [(o.table, o.partition) for o in record.objects]
    if len(set(seen)) != len(seen):
        wrong.append("it lists an object twice")
    return wrong


def order(position: Position | None) -> tuple[int, int]:
    """Comparable; a shard's head lies before every position."""
    return position.order if position else (-1, 0)


def named(position: Position | None) -> str:
    """For a person."""
    return str(position) if position else HEAD
