"""Checkpoints of a life that no KCL leases: objects beside its cuts.

Rules:
1. Each is put once and never changed; the one that lies farthest is the checkpoint.
2. A shard's end is a checkpoint of its own, behind all others.
3. A position goes back as the text that it came as.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from kcl_app.core.cut import Place
from kcl_app.core.position import Position
from kcl_app.core.store import Store

END = "SHARD_END"


class Kept(msgspec.Struct, frozen=True):
    """Where a shard stands: nowhere yet, at a position, or at its end."""

    at: Place | None = None
    ended: bool = False
    format: int = 1

    @property
    def position(self) -> Position | None:
        return self.at.position if self.at else None


@dataclass(frozen=True)
class KeptCheckpoints:
    """The checkpoints of life ``life``."""

    store: Store
    life: str

    def read(self, shard: str) -> Kept:
        """The checkpoint of a shard."""
        keys = list(self.store.list(f"checkpoints/{self.life}/{shard}/"))
        body = self.store.get(max(keys)) if keys else None
        return msgspec.json.decode(body, type=Kept) if body is not None else Kept()

    def of(self, shard: str) -> Checkpointer:
        """What a processor of the shard is given."""
        return Checkpointer(self, shard)

    def put(self, shard: str, kept: Kept) -> None:
        name = END if kept.ended else kept.position.key if kept.position else ""
        key = f"checkpoints/{self.life}/{shard}/{name}.json"
        self.store.put_once(key, msgspec.json.encode(kept))


@dataclass(frozen=True)
class Checkpointer:
    """As the KCL's: bare at a shard's end."""

    checkpoints: KeptCheckpoints
    shard: str

    def checkpoint(self, sequence: str | None = None, sub: int | None = None) -> None:
        """Durable when it returns."""
        kept = Kept(ended=True) if sequence is None else Kept(Place(sequence, sub or 0))
        self.checkpoints.put(self.shard, kept)
