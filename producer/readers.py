"""CSV, JSON lines and Parquet as chunks of columns that know their lines."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from producer import files
from producer.files import suffixes
from producer.source import SourceError

DELIMITERS = ",;\t|"
CSV = (".csv", ".tsv", ".txt")
JSON = (".jsonl", ".ndjson", ".json")
PARQUET = (".parquet", ".pq")
KNOWN = ".csv, .tsv, .txt, .jsonl, .ndjson (also .gz or .zip of these), .parquet"
ABSENT = object()
"""In a column of JSON lines: the object had no such field."""


@dataclass(frozen=True)
class Chunk:
    """Rows of one file, as lists of equal length; ``places`` says where each row stands,
    counted from 1 in ``unit`` (line, or row of a Parquet file)."""

    path: str
    unit: str
    columns: Mapping[str, Sequence[Any]]
    places: Sequence[int]

    def wrong(self, index: int, column: str, why: str) -> SourceError:
        """The sentence for a value that cannot be read."""
        return SourceError(f"{self.path}, {self.unit} {self.places[index]}, column {column}: {why}")


def chunks(path: str, rows: int, header: Sequence[str] = ()) -> Iterator[Chunk]:
    """A file in chunks of ``rows`` rows at most. ``header`` names the columns of a CSV file
    that doesn't. Raises SourceError at the chunk that cannot be read."""
    return _reader(path)(path, rows, header)


def _reader(path: str) -> Callable[[str, int, Sequence[str]], Iterator[Chunk]]:
    kind, packing = suffixes(path)
    if kind in CSV or (packing == ".zip" and not kind):
        return _csv
    if kind in JSON:
        return _json
    if kind in PARQUET and not packing:
        return _parquet
    raise SourceError(f"{path}: no kind of file that replay reads; those are {KNOWN}")


def _csv(path: str, rows: int, header: Sequence[str]) -> Iterator[Chunk]:
    text = files.lines(path)
    first = next(text)
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(chain([first], text), delimiter=delimiter, strict=True)
    try:
        names = _unique(path, list(header) or next(reader))
        while table := _rows(path, reader, rows, names):
            columns = zip(*(row for row, _ in table), strict=True)
            yield Chunk(
                path, "line", dict(zip(names, columns, strict=True)), [line for _, line in table]
            )
    except csv.Error as wrong:
        raise SourceError(f"{path}, line {reader.line_num}: not CSV: {wrong}") from wrong


def _rows(path: str, reader: Any, most: int, names: list[str]) -> list[tuple[list[str], int]]:
    width = len(names)
    found: list[tuple[list[str], int]] = []
    for row in reader:
        if len(row) == width:
            found.append((row, reader.line_num))
        elif row:
            raise SourceError(
                f"{path}, line {reader.line_num}: {len(row)} fields where the header has {width}"
            )
        if len(found) == most:
            break
    return found


def _unique(path: str, names: list[str]) -> list[str]:
    if not any(character.isalpha() for name in names for character in name):
        raise SourceError(
            f"{path}, line 1: no column names stand there; give them with --header A,B,C"
        )
    stripped = [name.strip() or f"column {at}" for at, name in enumerate(names, 1)]
    if repeated := {name for name in stripped if stripped.count(name) > 1}:
        raise SourceError(f"{path}, line 1: column {min(repeated)} stands there twice")
    return stripped


def _json(path: str, rows: int, header: Sequence[str]) -> Iterator[Chunk]:
    objects: list[dict[str, Any]] = []
    places: list[int] = []
    for line, text in enumerate(files.lines(path), 1):
        if text.isspace():
            continue
        objects.append(_object(path, line, text))
        places.append(line)
        if len(objects) == rows:
            yield _columns(path, objects, places)
            objects, places = [], []
    if objects:
        yield _columns(path, objects, places)


def _object(path: str, line: int, text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError as wrong:
        raise SourceError(f"{path}, line {line}: not JSON: {wrong}") from wrong
    if not isinstance(value, dict):
        raise SourceError(f"{path}, line {line}: not a JSON object; write one a line")
    return value


def _columns(path: str, objects: list[dict[str, Any]], places: list[int]) -> Chunk:
    names = dict.fromkeys(chain.from_iterable(objects))
    columns = {name: [row.get(name, ABSENT) for row in objects] for name in names}
    return Chunk(path, "line", columns, places)


def _parquet(path: str, rows: int, header: Sequence[str]) -> Iterator[Chunk]:
    done = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=rows):
                columns = zip(batch.schema.names, batch.columns, strict=True)
                values = {name: _values(column) for name, column in columns}
                yield Chunk(path, "row", values, range(done + 1, done + batch.num_rows + 1))
                done += batch.num_rows
    except FileNotFoundError as wrong:
        raise SourceError(f"{path}: there is no such file") from wrong
    except (pa.ArrowException, OSError) as wrong:
        where = f", after row {done}" if done else ""
        raise SourceError(f"{path}{where}: not Parquet, or damaged ({wrong})") from wrong


def _values(column: pa.Array) -> list[Any]:
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values
