"""The lake's control objects on S3."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from kcl_app.core.store import Store

CONFLICT_ATTEMPTS = 8


class StoreError(Exception):
    """The store answered in a way that no retry mends. The text says what to do."""


class S3Store:
    """``core.store.Store`` on one bucket and prefix, by conditional puts.

    Throttling and time-outs are retried by the client, within its bounds; a 409
    (two conditional puts at once) here.
    """

    def __init__(
        self, client: Any, bucket: str, prefix: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._sleep = sleep

    def create(self, key: str, body: bytes) -> bool:
        for attempt in range(CONFLICT_ATTEMPTS):
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=self._prefix + key, Body=body, IfNoneMatch="*"
                )
                return True
            except ClientError as error:
                code = _status(error)
                if code == 412:
                    return False
                if code != 409:
                    raise
                self._sleep(0.05 * 2**attempt)
        raise StoreError(
            f"s3://{self._bucket}/{self._prefix}{key}: still in conflict with another writer "
            f"after {CONFLICT_ATTEMPTS} attempts; start the worker again"
        )

    def put_once(self, key: str, body: bytes) -> None:
        self.create(key, body)

    def get(self, key: str) -> bytes | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
        except self._client.exceptions.NoSuchKey:
            return None
        return bytes(answer["Body"].read())

    def list(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix + prefix
        )
        for page in pages:
            for item in page.get("Contents", ()):
                yield item["Key"].removeprefix(self._prefix)

    def drop(self, key: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


def honours_create(store: Store, probe: str) -> bool:
    """True where a second create of one key is refused, as the whole protocol needs."""
    store.create(probe, b"first")
    return not store.create(probe, b"second") and store.get(probe) == b"first"
