"""The lake, read only: keys, folders, bodies, and Parquet opened without fetching it whole."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from kcl_app.core.store import Store

TAIL = 256 * 1024
"""Bytes fetched with the first request: a Parquet footer, or a small object whole."""


@dataclass(frozen=True)
class Opened:
    """A seekable binary file, and the metadata the object was put with."""

    file: Any
    metadata: Mapping[str, str]


class Lake(Protocol):
    """Keys are relative to the lake's prefix. Text order; consistent."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys below ``prefix``."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Names directly below ``prefix`` that have keys below them."""

    def body(self, key: str) -> bytes | None:
        """The bytes at ``key``, or None."""

    def open(self, key: str) -> Opened | None:
        """The object at ``key``, or None."""


@dataclass
class StoreLake:
    """A lake over the calls of ``core.store``: for models in memory."""

    store: Store
    metadata: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def keys(self, prefix: str) -> Iterator[str]:
        return iter(sorted(self.store.list(prefix)))

    def folders(self, prefix: str) -> Iterator[str]:
        names = {key.removeprefix(prefix).split("/", 1)[0] for key in self.keys(prefix)}
        return iter(sorted(names))

    def body(self, key: str) -> bytes | None:
        return self.store.get(key)

    def open(self, key: str) -> Opened | None:
        body = self.store.get(key)
        return Opened(io.BytesIO(body), self.metadata.get(key, {})) if body is not None else None


@dataclass
class S3Lake:
    """A lake on S3. ``client`` may be used from several threads."""

    client: Any
    bucket: str
    prefix: str

    def keys(self, prefix: str) -> Iterator[str]:
        for page in self._pages(prefix):
            for item in page.get("Contents", ()):
                yield item["Key"].removeprefix(self.prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        for page in self._pages(prefix, Delimiter="/"):
            for item in page.get("CommonPrefixes", ()):
                yield item["Prefix"].rstrip("/").rsplit("/", 1)[-1]

    def body(self, key: str) -> bytes | None:
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)
        except self.client.exceptions.NoSuchKey:
            return None
        return bytes(answer["Body"].read())

    def open(self, key: str) -> Opened | None:
        where = {"Bucket": self.bucket, "Key": self.prefix + key}
        try:
            answer = self.client.get_object(**where, Range=f"bytes=-{TAIL}")
        except self.client.exceptions.ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404:
                return None
            if status == 416:
                return Opened(io.BytesIO(b""), {})
            raise
        size = int(answer["ContentRange"].rsplit("/", 1)[1])
        tail = bytes(answer["Body"].read())
        return Opened(RangedObject(self.client, where, size, tail), answer["Metadata"])

    def _pages(self, prefix: str, **more: str) -> Iterator[Mapping[str, Any]]:
        paginator = self.client.get_paginator("list_objects_v2")
        yield from paginator.paginate(Bucket=self.bucket, Prefix=self.prefix + prefix, **more)


class RangedObject(io.RawIOBase):
    """An object as a file: its ``tail`` is here already, other ranges are read when asked for."""

    def __init__(self, client: Any, where: Mapping[str, str], size: int, tail: bytes) -> None:
        self._client = client
        self._where = where
        self._size = size
        self._at = 0
        self._tail = tail
        self._tail_from = size - len(tail)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        start = self._at
        stop = self._size if size is None or size < 0 else min(start + size, self._size)
        self._at = max(stop, start)
        if stop <= start:
            return b""
        if start < self._tail_from:
            return self._fetch(start, stop)
        return self._tail[start - self._tail_from : stop - self._tail_from]

    def _fetch(self, start: int, stop: int) -> bytes:
        answer = self._client.get_object(**self._where, Range=f"bytes={start}-{stop - 1}")
        return bytes(answer["Body"].read())
