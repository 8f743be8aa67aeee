"""docs/tables.md, written from the schema: `python -m glue.docs`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from glue.render import (
    PARTITIONS,
    RAW,
    RAW_COLUMNS,
    bars_final_columns,
    hive_type,
    trino_type,
)
from glue.stack import BARS_FINAL, BARS_FINAL_DOC
from kcl_app.core.schema import BARS, TABLES, Table

PAGE = Path(__file__).parents[1] / "docs" / "tables.md"

OPENING = """\
# Tables of the lake

Written from the schema by `python -m glue.docs`; a test keeps it current. `tapeline apply`
makes these tables in the Glue database `catalog.database`.

Times are UTC, in microseconds. Each table is partitioned by path, and Athena works the
partitions out from the question (partition projection over `market.earliest_year` to
`market.latest_year`): no crawler runs and no partition is registered. **Name `dt` in every
question over much data**: without it Athena looks into every day of that range.

A name that is also a word of SQL needs double quotes: `"timestamp"`, `"end"`, `"open"`.
"""

RAW_DOC = (
    "Optional: raw quotes as JSON lines below `catalog.raw_location`, with the columns their "
    "producer wrote."
)


def page() -> str:
    """The whole page."""
    parts = [OPENING, *(_table(table) for table in TABLES.values()), _view(), _raw()]
    return "\n".join(parts)


def _table(table: Table) -> str:
    keys = "/".join(f"{key}=..." for key in table.partitions)
    rows = [
        (c.name, trino_type(hive_type(c.type)), "yes" if c.nullable else "", c.doc)
        for c in table.columns
    ]
    rows += [(key, "varchar", "", f"partition: {PARTITIONS[key]}") for key in table.partitions]
    place = f"Objects stand at `{table.name}/{keys}/`, below `lake.prefix`."
    head = ("column", "type in Athena", "may be null", "what")
    return f"## {table.name}\n{table.doc} {place}\n\n{_grid(head, rows)}"


def _view() -> str:
    docs = {c.name: c.doc for c in BARS.columns} | PARTITIONS
    rows = [(n, trino_type(kind), docs[n]) for n, kind in bars_final_columns().items()]
    return (
        f"## {BARS_FINAL}\nView over `bars`. {BARS_FINAL_DOC} Its SQL is "
        f"`athena/views/{BARS_FINAL}.sql`.\n\n{_grid(('column', 'type in Athena', 'what'), rows)}"
    )


def _raw() -> str:
    rows = [(name, trino_type(kind)) for name, kind in RAW_COLUMNS.items()]
    return f"## {RAW}\n{RAW_DOC}\n\n{_grid(('column', 'type in Athena'), rows)}"


def _grid(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *((f"`{row[0]}`", *row[1:]) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page())
