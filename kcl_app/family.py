"""Which shards came from which, as the stream tells it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kcl_app.stopped import Stopped

NAMED = ("ParentShardId", "AdjacentParentShardId")


@dataclass(frozen=True)
class Family:
    """Asks ListShards anew each time; shards outlive their records there."""

    client: Any
    stream: str

    def parents(self, shard: str) -> list[str]:
        """None, one after a split, two after a merge. Raises Stopped for an unknown shard."""
        for described in self._shards():
            if described["ShardId"] == shard:
                return _parents(described)
        raise Stopped(f"shard {shard} is not in stream {self.stream} any more")

    def children(self, shard: str) -> list[str]:
        """The shards that name ``shard`` as a parent, whether or not it is still there."""
        return [found["ShardId"] for found in self._shards() if shard in _parents(found)]

    def _shards(self) -> Iterator[Any]:
        for page in self.client.get_paginator("list_shards").paginate(StreamName=self.stream):
            yield from page["Shards"]


def _parents(described: Any) -> list[str]:
    return [described[name] for name in NAMED if name in described]
