"""Raw objects: those below a prefix of a bucket, or the files of a folder, in the order of names.

Names are relative, with ``/`` between folders, and ordered as S3 orders keys: by their UTF-8.
Hidden ones, whose name begins with ``.`` or ``_``, and folder marks are none.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from replay.origin import ReplayError
from replay.unpacked import BLOCK

WHOLE = 8 * 1024 * 1024
"""Objects of at most so many bytes are fetched whole, and ahead."""
AHEAD = 8


@dataclass(frozen=True)
class Object:
    """``key`` is what it is read by; ``tag`` changes where the content does."""

    name: str
    key: str
    size: int
    tag: str


class Place(Protocol):
    """Where raw objects are."""

    @property
    def url(self) -> str:
        """As a person names it."""

    def list(self) -> Iterator[Object]:
        """All of them, in order. Raises ReplayError where there is no such place."""

    def blocks(self, found: Object) -> Iterator[bytes]:
        """The bytes of one. Raises ReplayError naming it, also where it has changed."""


def contents(place: Place) -> Iterator[tuple[Object, Iterator[bytes]]]:
    """Every object with its bytes; small ones are fetched some ahead."""
    with ThreadPoolExecutor(AHEAD, "raw") as pool:
        ahead: deque[tuple[Object, Future[bytes] | None]] = deque()
        try:
            for found in place.list():
                ahead.append((found, _begun(pool, place, found)))
                if len(ahead) > AHEAD:
                    yield _ready(place, *ahead.popleft())
            while ahead:
                yield _ready(place, *ahead.popleft())
        finally:
            for _, waiting in ahead:
                if waiting is not None:
                    waiting.cancel()


def _begun(pool: ThreadPoolExecutor, place: Place, found: Object) -> Future[bytes] | None:
    if found.size > WHOLE:
        return None
    return pool.submit(lambda: b"".join(place.blocks(found)))


def _ready(
    place: Place, found: Object, waiting: Future[bytes] | None
) -> tuple[Object, Iterator[bytes]]:
    if waiting is None:
        return found, place.blocks(found)
    return found, iter((waiting.result(),))


def digest(objects: Iterable[Object]) -> tuple[str, int]:
    """Of names, sizes and tags; and how many objects there are."""
    hashed, count = hashlib.blake2b(digest_size=6), 0
    for found in objects:
        hashed.update(f"{found.name}\n{found.size}\n{found.tag}\n".encode())
        count += 1
    return hashed.hexdigest(), count


@dataclass(frozen=True)
class S3Place:
    """``prefix`` is a folder, with or without its ``/``, or a whole key."""

    client: Any
    bucket: str
    prefix: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"

    def list(self) -> Iterator[Object]:
        paginator = self.client.get_paginator("list_objects_v2")
        for page in paginator.paginate(Bucket=self.bucket, Prefix=self.prefix):
            for item in page.get("Contents", ()):
                key = item["Key"]
                below = key.removeprefix(self.prefix)
                name = below.removeprefix("/") or key.rsplit("/", 1)[-1]
                if self._within(below) and _seen(name):
                    yield Object(name, key, item["Size"], item["ETag"])

    def blocks(self, found: Object) -> Iterator[bytes]:
        where = f"s3://{self.bucket}/{found.key}"
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=found.key, IfMatch=found.tag)
            yield from answer["Body"].iter_chunks(BLOCK)
        except ClientError as wrong:
            raise ReplayError(f"{where} {_why(wrong)}") from wrong
        except BotoCoreError as wrong:
            raise ReplayError(
                f"{where}: reading broke off ({wrong}); the same command goes on"
            ) from wrong

    def _within(self, below: str) -> bool:
        """False for what only begins alike: ``raw-2/x`` is not below ``raw``."""
        return not self.prefix or self.prefix.endswith("/") or below[:1] in ("", "/")


def _why(wrong: ClientError) -> str:
    status = wrong.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status in (404, 412):
        return "was changed or deleted while it was read: replay what stands still"
    return f"cannot be read: {wrong}"


@dataclass(frozen=True)
class FolderPlace:
    """A folder of this machine. A file's tag is a digest of its content."""

    folder: Path

    @property
    def url(self) -> str:
        return str(self.folder)

    def list(self) -> Iterator[Object]:
        paths = {path.relative_to(self.folder).as_posix(): path for path in self._files()}
        for name in sorted(paths, key=str.encode):
            yield Object(name, name, paths[name].stat().st_size, self._tag(name))

    def blocks(self, found: Object) -> Iterator[bytes]:
        return self._read(found.name)

    def _files(self) -> Iterator[Path]:
        def refuse(wrong: OSError) -> None:
            raise ReplayError(f"{wrong.filename}: cannot be read: {wrong.strerror}") from wrong

        for folder, folders, names in os.walk(self.folder, onerror=refuse):
            folders[:] = [name for name in folders if not name.startswith((".", "_"))]
            yield from (Path(folder, name) for name in names if _seen(name))

    def _tag(self, name: str) -> str:
        hashed = hashlib.blake2b(digest_size=16)
        for block in self._read(name):
            hashed.update(block)
        return hashed.hexdigest()

    def _read(self, name: str) -> Iterator[bytes]:
        path = self.folder / name
        try:
            with open(path, "rb") as file:
                while block := file.read(BLOCK):
                    yield block
        except OSError as wrong:
            raise ReplayError(f"{path}: cannot be read: {wrong.strerror or wrong}") from wrong


def _seen(name: str) -> bool:
    hidden = any(part.startswith((".", "_")) for part in name.split("/"))
    return not hidden and not name.endswith("/")
