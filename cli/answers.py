"""An answer on paper: a table for people, exact values for machines."""

from __future__ import annotations

import base64
import csv
import datetime as dt
import io
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from athena.library import Question

ROWS_AT_ONCE = 10_000


class UnwritableAnswer(Exception):
    """The format cannot hold the answer. Says which can, or what to change."""


def write(answer: pa.Table, form: str, output: Path | None, rows: int) -> None:
    """Put ``answer`` into ``output``, whole or not at all, or on stdout.

    ``rows`` bounds what a table shows. Raises UnwritableAnswer or OSError.
    """
    with _target(output) as target:
        match form:
            case "csv":
                _csv(answer, target)
            case "json":
                _json(answer, target)
            case "parquet":
                pq.write_table(answer, target, compression="zstd")
            case _:
                _table(answer, target, rows, to_file=output is not None)


@contextmanager
def _target(output: Path | None) -> Iterator[BinaryIO]:
    if output is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(output)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def exact(value: Any) -> Any:
    """A value as JSON: times ISO 8601 in UTC, decimals as text, bytes in base64, no NaN."""
    match value:
        case dt.datetime():
            return _iso(value)
        case dt.date():
            return value.isoformat()
        case Decimal():
            return str(value)
        case bytes():
            return base64.b64encode(value).decode()
        case float() if not math.isfinite(value):
            return None if math.isnan(value) else str(value)
        case list():
            return [exact(item) for item in value]
        case tuple():
            return [exact(item) for item in value]
        case dict():
            return {str(key): exact(item) for key, item in value.items()}
    return value


def _iso(value: dt.datetime) -> str:
    """Times without a zone are UTC."""
    utc = value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    return utc.isoformat().replace("+00:00", "Z")


def _records(answer: pa.Table) -> Iterator[list[Any]]:
    for batch in answer.to_batches(max_chunksize=ROWS_AT_ONCE):
        columns = [column.to_pylist() for column in batch.columns]
        for row in zip(*columns, strict=True):
            yield [exact(value) for value in row]


def _csv(answer: pa.Table, target: BinaryIO) -> None:
    """RFC 4180; text is quoted, so that an empty field is a null."""
    text = io.TextIOWrapper(target, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text, quoting=csv.QUOTE_STRINGS)
        writer.writerow(answer.column_names)
        writer.writerows([_cell(value) for value in row] for row in _records(answer))
    finally:
        text.detach()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, list | dict) else value


def _json(answer: pa.Table, target: BinaryIO) -> None:
    """A list of objects, one a row."""
    names = answer.column_names
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UnwritableAnswer(
            f"two columns are called {min(twice)}: name one with AS, or use --format csv"
        )
    target.write(b"[")
    for number, row in enumerate(_records(answer)):
        lead = b",\n " if number else b"\n "
        target.write(lead + json.dumps(dict(zip(names, row, strict=True))).encode())
    target.write(b"\n]\n")


def _table(answer: pa.Table, target: BinaryIO, rows: int, to_file: bool) -> None:
    target.write(drawn(answer, rows, "--rows 0 shows all", to_file).encode())


def drawn(answer: pa.Table, rows: int, more: str, to_file: bool = False) -> str:
    """A table as text, of the first ``rows`` rows (0: all); ``more`` says how to see the rest."""
    shown = answer.slice(0, rows) if rows else answer
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, kind in zip(answer.column_names, answer.schema.types, strict=True):
        table.add_column(Text(name), justify="right" if _is_number(kind) else "left")
    for row in _records(shown):
        table.add_row(*(Text(_spoken(value)) for value in row))
    if answer.num_rows > shown.num_rows:
        table.caption = f"{shown.num_rows:,} of {answer.num_rows:,} rows; {more}"
    text = io.StringIO()
    Console(file=text, width=_width(table, to_file), no_color=True).print(table)
    return text.getvalue()


def _width(table: Table, to_file: bool) -> int:
    """The terminal's width; where nobody folds lines, as wide as the table is."""
    terminal = Console()
    if terminal.is_terminal and not to_file:
        return terminal.width
    return max(Console(width=10_000).measure(table).maximum, 80)


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _spoken(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:,.10g}" if abs(value) < 1e15 else f"{value:g}"
        case list() | dict():
            return json.dumps(value)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(value))


def questions_table(questions: Iterable[Question]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("question", "answers", "parameters"):
        table.add_column(column, overflow="fold")
    for question in questions:
        stated = (
            p.name if p.default is None else f"{p.name}={p.default}"
            for p in question.parameters.values()
        )
        table.add_row(Text(question.name), Text(question.title), Text(", ".join(stated)))
    return table
