"""Which shard came from which: every child's parents are wholly stored. Pure.

A lease outlives its use: the KCL deletes those of shards that are over, so a
shard is known by its lease, by its chain, or by the stream's list of shards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from kcl_app.core.position import Position, key_after
from verify.chain import Checkpoint
from verify.findings import Finding


@dataclass(frozen=True)
class ShardState:
    """What is known of a shard once its chain was walked. ``end`` is where that stops."""

    checkpoint: Checkpoint
    leased: bool = False
    on_stream: bool = False
    begun: bool = False
    ended: bool = False
    end: Position | None = None
    parents: frozenset[str] = frozenset()

    @property
    def started(self) -> bool:
        """True where the shard was read from: it has cuts, or was ever checkpointed."""
        return self.begun or self.checkpoint.stand in ("position", "end")


def parents(states: Mapping[str, ShardState]) -> Iterator[Finding]:
    """A child that has started must have parents whose chains have their END."""
    for shard, state in states.items():
        if state.started:
            for parent in sorted(state.parents):
                yield from _parent(shard, parent, states.get(parent))


def _parent(shard: str, parent: str, state: ShardState | None) -> Iterator[Finding]:
    if state is not None and state.ended:
        return
    if state is None or not (state.begun or state.leased or state.on_stream):
        what = f"{parent}, a parent of {shard}, has neither lease nor chain"
        yield Finding("unknown-parent", what, shard)
    else:
        what = f"{shard} has begun, but its parent {parent} has no END"
        yield Finding("parent", what, shard, (key_after(state.end),))


def snapshots(states: Mapping[str, ShardState]) -> Iterator[tuple[str, Position | None, str]]:
    """(shard, position, why) of every snapshot that a worker may still have to load."""
    for shard, state in states.items():
        if state.checkpoint.stand == "position":
            yield shard, state.checkpoint.position, "the lease's checkpoint"
        elif state.checkpoint.stand == "end" and state.ended and _awaited(shard, states):
            yield shard, state.end, "a child shard that has not been checkpointed yet"


def _awaited(shard: str, states: Mapping[str, ShardState]) -> bool:
    """A parent's final snapshot is kept until each of its children was checkpointed."""
    children = [state for state in states.values() if shard in state.parents]
    return not children or any(c.checkpoint.stand not in ("position", "end") for c in children)
