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


def dataset(table: Table, found: list[LakeObject], bucket: str, files: Any) -> ds.Dataset:
    """``table`` over the objects ``found``; a filter on dt or interval opens only its objects."""
    return ds.FileSystemDataset.from_paths(
        [f"{bucket}/{o.key}" for o in found],
        schema=schema_of(table),
        format=ds.ParquetFileFormat(),
        filesystem=files,
        partitions=[_partition(o) for o in found],
    )


def _partition(found: LakeObject) -> ds.Expression:
    day = ds.field("dt") == found.dt
    return day if found.interval is None else (ds.field("interval") == found.interval) & day


def file_system(site: Site, opened: Opened) -> pafs.FileSystem:
    """The site's S3, read-only, that writes down what is opened."""
    return pafs.PyFileSystem(_ReadOnly(_s3(site), opened))


def _s3(site: Site) -> pafs.S3FileSystem:
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


class _ReadOnly(pafs.FileSystemHandler):  # type: ignore[misc]
    def __init__(self, under: pafs.FileSystem, opened: Opened) -> None:
        self.under = under
        self.opened = opened

    def get_type_name(self) -> str:
        return "lake"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> Any:
        return self.under.get_file_info(paths)

    def get_file_info_selector(self, selector: Any) -> Any:
        return self.under.get_file_info(selector)

    def open_input_file(self, path: str) -> Any:
        self.opened.paths.add(path)
        return self.under.open_input_file(path)

    def open_input_stream(self, path: str) -> Any:
        self.opened.paths.add(path)
        return self.under.open_input_stream(path)

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise PermissionError("the lake is only read here")

    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _refuse
    delete_file = move = copy_file = open_output_stream = open_append_stream = _refuse
