"""What a backfill reads: shards of records in a fixed order, the same at every reading."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from kcl_app.core.position import Position
from kcl_app.core.records import Records


class ReplayError(Exception):
    """The backfill cannot begin or go on. One sentence: what is wrong, and the remedy."""


class Origin(Protocol):
    """Records to replay.

    Rules:
    1. Two readings give the same records at the same positions; what comes later may
       only be added behind.
    2. Parents stand before their children in ``shards``.
    """

    @property
    def name(self) -> str:
        """What is read, in one line that changes where its content does: the new life
        keeps it, and goes on with nothing else."""

    def shards(self) -> Sequence[str]:
        """The shards, parents first."""

    def parents(self, shard: str) -> Sequence[str]:
        """Shards whose final state ``shard`` begins with."""

    def ended(self, shard: str) -> bool:
        """True where nothing will ever follow what ``read`` gives."""

    def read(self, shard: str, after: Position | None) -> Iterator[Records]:
        """The shard's records in order, some 10,000 at a time. Records up to ``after`` may be
        left out. Raises ReplayError."""

    def total(self) -> int | None:
        """How many rows there are, where that is known."""
