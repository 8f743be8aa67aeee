"""Snapshots, and objects of left symbols, that no start can need any more, dropped behind
the checkpoint.

Rules:
1. A lease's checkpoint never goes back: the KCL takes one only from the lease's owner,
   and none before the last. So once it stood at P, every later start loads P or a later
   one, whoever starts, and whatever zombies still do. Only snapshots before a checkpoint
   that the KCL has taken are dropped, and the last few are kept even then.
2. A worker loads a snapshot only when it starts, and only the one that its lease says.
   One that was paused in between may look for a dropped one. It has long lost the
   lease: it stops, and its restart asks the lease again.
3. A zombie drops nothing wrong, however late it wakes: rule 1 holds for what it knows.
4. A parent's snapshots go when every child has been checkpointed once, because a child
   without a checkpoint loads them. A child says so by a mark, put only after its
   checkpoint was taken; its snapshot proves nothing, it stands before that.
5. Where the lease table was lost, shards begin at their heads; a parent that is read
   again puts its last snapshot again before its children begin.
6. What leaves a shard at a cut's end follows from the chain: all workers come to the same
   objects (``core.leaving``, rule 2). A snapshot lists what the one before it listed, or what
   left since; what is listed no more is never listed again. So an object of this shard that
   left at or before a kept checkpoint, and isn't listed by its snapshot, is listed by no
   later one, whoever puts it. It is dropped behind the oldest checkpoint that is kept, so
   that all snapshots that are kept find what they list. A zombie comes to the same.
7. A worker that was paused over that may ask for a dropped object: rule 2 holds for it.
8. Objects of left symbols that a parent put stay for good: any descendant may list them.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterator, Sequence

from kcl_app.core.lake import (
    begun_key,
    left_by,
    left_index_key,
    left_states_key,
    snapshot_key,
    snapshots_of,
)
from kcl_app.core.position import HEAD, Position
from kcl_app.core.store import Store

KEPT = 3


class Collector:
    """Drops the old snapshots of one shard, and its parents' when their time has come.

    ``children`` gives all shards that came from one; none known, and nothing is dropped.
    ``listed`` names the objects of left symbols that the last snapshot put here lists.
    """

    def __init__(
        self,
        store: Store,
        life: str,
        shard: str,
        parents: Callable[[str], Sequence[str]],
        children: Callable[[str], Sequence[str]],
        listed: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        self._store = store
        self._life = life
        self._shard = shard
        self._parents = parents
        self._children = children
        self._listed_last = listed
        self._known: list[str] | None = None
        self._lists: dict[str, Sequence[str]] = {}
        self._left: set[str] | None = None

    def checkpointed(self, at: Position | None) -> None:
        """Called whenever the KCL has taken a checkpoint at ``at``, or the shard's end there."""
        if self._known is None:
            self._begun()
            self._known = self._listed(self._shard)
        key = snapshot_key(self._life, self._shard, at)
        if at is None:
            return
        if key not in self._known:
            insort(self._known, key)
        behind = bisect_right(self._known, key) - KEPT
        for old in self._known[: max(behind, 0)]:
            self._store.drop(old)
        del self._known[: max(behind, 0)]
        self._lists[key] = self._listed_last()
        if behind >= 0:
            self._drop_left(self._known[0])

    def _drop_left(self, oldest: str) -> None:
        """Rule 6. ``oldest`` is the key of the oldest snapshot that is kept; what it lists is
        known where this process put it."""
        self._lists = {key: names for key, names in self._lists.items() if key >= oldest}
        listed = self._lists.get(oldest)
        if listed is None:
            return
        if self._left is None:
            self._left = set(self._found())
        lead = f"{self._shard}/"
        self._left |= {n for names in self._lists.values() for n in names if n.startswith(lead)}
        upto = f"{lead}{oldest.rsplit('/', 1)[1].removesuffix('.arrow')}~"
        for name in sorted(self._left.difference(listed)):
            if name < upto:
                self._store.drop(left_index_key(self._life, name))
                self._store.drop(left_states_key(self._life, name))
                self._left.discard(name)

    def _found(self) -> Iterator[str]:
        """Names of the objects that left this shard, whoever put them."""
        lead = left_by(self._life, self._shard).removesuffix(f"{self._shard}/")
        for key in self._store.list(left_by(self._life, self._shard)):
            yield key.removeprefix(lead).removesuffix(".arrow").removesuffix(".index")

    def _begun(self) -> None:
        """Rule 4. Once a process is enough: the last child to begin finds all the marks."""
        parents = self._parents(self._shard)
        if not parents:
            return
        self._store.put_once(begun_key(self._life, self._shard), b"{}")
        for parent in parents:
            children = self._children(parent)
            if children and all(map(self._has_begun, children)):
                for key in (*self._listed(parent), snapshot_key(self._life, parent, None)):
                    self._store.drop(key)

    def _has_begun(self, child: str) -> bool:
        return self._store.get(begun_key(self._life, child)) is not None

    def _listed(self, shard: str) -> list[str]:
        """Keys of the shard's snapshots in stream order; that of its head isn't one of them."""
        keys = self._store.list(snapshots_of(self._life, shard))
        return sorted(key for key in keys if not key.rsplit("/", 1)[1].startswith(HEAD))
