"""The lake's objects as datasets: listed once, read by name, counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs

from athena.answer import QueryError
from config.site import Site
from kcl_app.core.schema import Table

_KEY = re.compile(r"(?:interval=(?P<interval>[^/]+)/)?dt=(?P<dt>\d{4}-\d\d-\d\d)/[^/]+\.parquet")


@dataclass(frozen=True)
class LakeObject:
    key: str
    size: int
    dt: str
    interval: str | None


def objects(client: Any, bucket: str, prefix: str, table: Table) -> Iterator[LakeObject]:
    """The Parquet objects of ``table`` in key order; whatever else stands there is left alone."""
    lead = f"{prefix}{table.name}/"
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=lead)
    for page in pages:
        for entry in page.get("Contents", ()):
            found = _KEY.fullmatch(entry["Key"].removeprefix(lead))
            if found and (found["interval"] is not None) == ("interval" in table.partitions):
                yield LakeObject(entry["Key"], entry["Size"], found["dt"], found["interval"])


def unreadable(site: Site, failed: Exception) -> QueryError:
    """Why the lake could not be listed, and what makes it."""
    named = site.settings.lake.bucket or "the lake's bucket"
    return QueryError(f"{named} cannot be read: {failed}; tapeline apply makes what is missing")


def schema_of(table: Table) -> pa.Schema:
    """The table's columns, then its partitions, as Athena shows them.

    Times are UTC without a zone, as Athena's timestamp is. Everything may be null:
    an older object may lack a column.
    """
    fields = [pa.field(c.name, _plain(c.type)) for c in table.columns]
    return pa.schema([*fields, *(pa.field(p, pa.string()) for p in table.partitions)])


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.timestamp(kind.unit) if pa.types.is_timestamp(kind) else kind


@dataclass
class Opened:
    """Which objects a question made us open."""

    sizes: dict[str, int] = field(default_factory=dict)
    paths: set[str] = field(default_factory=set)

    @property
    def bytes(self) -> int:
        return sum(self.sizes[path] for path in self.paths)


class Watched(ds.Dataset):  # type: ignore[misc]
    """A dataset that writes down which objects a scan opens.

    A file system in Python would know it too, but Arrow's threads would then wait
    for the interpreter's lock while its holder waits for them.
    """

    def __init__(self, files: ds.FileSystemDataset, opened: Opened) -> None:
        self.files = files
        self.opened = opened

    @property
    def schema(self) -> pa.Schema:
        return self.files.schema

    def scanner(
        self, columns: list[str] | None = None, filter: ds.Expression | None = None
    ) -> ds.Scanner:
        self.opened.paths |= {fragment.path for fragment in self.files.get_fragments(filter)}
        return self.files.scanner(columns=columns, filter=filter)


def dataset(
    table: Table, found: list[LakeObject], bucket: str, files: Any, opened: Opened
) -> Watched:
    """``table`` over the objects ``found``; a filter on dt or interval opens only its objects."""
    every = ds.FileSystemDataset.from_paths(
        [f"{bucket}/{o.key}" for o in found],
        schema=schema_of(table),
        format=ds.ParquetFileFormat(),
        filesystem=files,
        partitions=[_partition(o) for o in found],
    )
    return Watched(every, opened)


def _partition(found: LakeObject) -> ds.Expression:
    day = ds.field("dt") == found.dt
    return day if found.interval is None else (ds.field("interval") == found.interval) & day


def file_system(site: Site) -> pafs.S3FileSystem:
    """The site's S3. Arrow reads it on threads of its own, which must never wait for Python's."""
    keys = site.session.get_credentials().get_frozen_credentials()
    place = urlsplit(site.settings.endpoint_url)
    elsewhere = {"endpoint_override": place.netloc, "scheme": place.scheme} if place.netloc else {}
    return pafs.S3FileSystem(
        access_key=keys.access_key,
        secret_key=keys.secret_key,
        session_token=keys.token,
        region=site.settings.region,
        connect_timeout=5,
        request_timeout=60,
        **elsewhere,
    )
