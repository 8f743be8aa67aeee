"""A shard's states by position: kept for rewinding, put as snapshots, restored."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from kcl_app.core.cut import parse
from kcl_app.core.flow import Flow, Rules
from kcl_app.core.lake import snapshot_key
from kcl_app.core.position import Position
from kcl_app.core.store import Store
from kcl_app.shelf import LakeShelf
from kcl_app.stopped import Stopped


class States:
    """Copies of the flow at the ends of cuts. ``parents`` gives a shard's parents."""

    def __init__(
        self,
        store: Store,
        life: str,
        shard: str,
        rules: Rules,
        parents: Callable[[str], Sequence[str]],
    ) -> None:
        self._store = store
        self._life = life
        self._shard = shard
        self._rules = rules
        self._parents = parents
        self._shelf = LakeShelf(store, life, shard)
        self._kept: dict[Position | None, Flow] = {}
        self._listed: tuple[str, ...] = ()

    def keep(self, at: Position | None, flow: Flow) -> None:
        """Remember a copy of ``flow`` as the state after ``at``; the first copy stays."""
        if at not in self._kept:
            self._kept[at] = flow.copy()

    def at(self, at: Position | None) -> Flow:
        """A copy of the state after ``at``, to go on from. KeyError if it wasn't kept."""
        return self._kept[at].copy()

    def keep_only(self, positions: Collection[Position | None]) -> None:
        self._kept = {at: flow for at, flow in self._kept.items() if at in positions}

    def put_snapshot(self, at: Position | None, current: Flow) -> None:
        """Put the state after ``at`` once; ``current`` where no cut has closed there yet.

        The objects that it lists go first: what lists them finds them.
        """
        state = self._kept.get(at, current)
        self._listed = state.left
        self._shelf.put(self._listed, at)
        self._store.put_once(snapshot_key(self._life, self._shard, at), state.snapshot())

    def listed(self) -> tuple[str, ...]:
        """Objects of left symbols that the last snapshot put here lists."""
        return self._listed

    def restored(self, at: Position | None) -> Flow:
        """The state after the checkpoint ``at``; at a shard's head, its parents' last one.

        Raises Stopped where a snapshot that must stand does not, or a parent isn't
        wholly stored: an empty state would silently change every window.
        """
        if at is None:
            bodies = [self._final(parent) for parent in self._parents(self._shard)]
        else:
            bodies = [self._snapshot(self._shard, at)]
        there = [body for body in bodies if body is not None]
        return Flow.restore(self._shard, self._rules, there, self._shelf)

    def _snapshot(self, shard: str, at: Position | None) -> bytes:
        body = self._store.get(snapshot_key(self._life, shard, at))
        if body is None:
            raise Stopped(
                f"the state of {shard} at {at or 'its head'} is needed, but the lake has no "
                "snapshot there. Where this worker slept for long, another worker has gone on with "
                "the shard and nothing is to be done. Else the lake's prefix or the application's "
                "name was changed alone, or the snapshot was deleted: set them back, or begin a "
                "new life with both names new"
            )
        return body

    def _final(self, parent: str) -> bytes | None:
        """The parent's last state; None where the parent has no chain in this life."""
        keys = list(self._store.list(f"cuts/{self._life}/{parent}/"))
        if not keys:
            return None
        last = max(keys, key=lambda key: ("HEAD" not in key, key))
        record = parse(self._store.get(last) or b"")
        if record.kind != "end":
            raise Stopped(
                f"the parent {parent} of {self._shard} has cuts but no END: it isn't wholly "
                "stored. Its worker must end it first"
            )
        return self._snapshot(parent, record.begins_after)
