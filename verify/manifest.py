"""Who was there: record ids, as producers wrote them down and as the lake holds them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from verify.lake import Lake

FOLDER = "produced/"
RAW = "raw/"
"""What the names of raw records begin with, which a backfill reads: their keys are names, too."""
_ID = re.compile(rb'"id"\s*:\s*("(?:[^"\\]|\\.){1,256}"|-?\d{1,40})')


class ManifestError(Exception):
    """A manifest can't be read. The text names it."""


def keys(lake: Lake) -> list[str]:
    """The manifests of all producers' runs."""
    return [key for key in lake.keys(FOLDER) if key.endswith(".parquet")]


def ids(lake: Lake, key: str) -> Iterator[pa.Array]:
    """The ids of one manifest, some thousands at a time. Raises ManifestError."""
    opened = lake.open(key)
    if opened is None:
        raise ManifestError(f"{key} was listed and doesn't stand")
    try:
        with pq.ParquetFile(opened.file) as file:
            if "id" not in file.schema_arrow.names:
                raise ManifestError(f"{key} has no column id")
            for batch in file.iter_batches(columns=["id"]):
                yield batch.column(0).cast(pa.string())
    except (pa.ArrowException, OSError) as broken:
        raise ManifestError(f"{key} is no Parquet: {broken}") from broken


class _WithId(msgspec.Struct):
    id: str | int | None = None


_DECODER = msgspec.json.Decoder(_WithId)


def reject_ids(data: Any, keys: Any = None) -> pa.Array:
    """The record id in each reject's bytes, null where none can be read.

    Bytes that are no JSON are searched for the text of an id: a producer's record
    that was cut short still counts as stored. Raw records without one go by their
    partition keys, where these are given.
    """
    ids = [reject_id(line.as_py()) for line in data]
    if keys is not None:
        named = zip(ids, keys.to_pylist(), strict=True)
        ids = [key if name is None and (key or "").startswith(RAW) else name for name, key in named]
    return pa.array(ids, pa.string())


def reject_id(line: bytes | None) -> str | None:
    """The record id in the bytes of one."""
    if not line:
        return None
    try:
        found = _DECODER.decode(line).id
    except (msgspec.DecodeError, ValueError):
        return _searched(line)
    return str(found) if found is not None else None


def _searched(line: bytes) -> str | None:
    match = _ID.search(line)
    if match is None:
        return None
    try:
        return str(msgspec.json.decode(match[1]))
    except (msgspec.DecodeError, ValueError):
        return None
