"""The port to whatever holds the lake's control objects: five calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Store(Protocol):
    """Keys to bytes. Strongly consistent; an answer means the effect is durable.

    Any failure that outlives bounded retries is raised: the shard stops on it.
    """

    def create(self, key: str, body: bytes) -> bool:
        """Put ``body`` unless the key stands. True if this call, or its lost retry, made it."""

    def put_once(self, key: str, body: bytes) -> None:
        """Put ``body`` unless the key stands; either way it stands afterwards."""

    def get(self, key: str) -> bytes | None:
        """The bytes at ``key``, or None where nothing stands."""

    def list(self, prefix: str) -> Iterator[str]:
        """Keys below ``prefix`` in text order."""

    def drop(self, key: str) -> None:
        """Nothing stands at ``key`` afterwards. Only for snapshots, and for objects of left
        symbols, that no start can need (``kcl_app.collect``); all else stands for good."""
