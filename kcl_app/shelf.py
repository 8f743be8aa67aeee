"""Where symbols lie that left a shard's memory: first here, then in the lake.

Rules:
1. An object is put once, and only with a snapshot that lists it, before it: so only for cuts
   whose record stands. Until then it is held here.
2. Objects keep the name of the shard that they left; children read their parents'.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from kcl_app.core.lake import left_index_key, left_states_key
from kcl_app.core.position import Position
from kcl_app.core.store import Store
from kcl_app.stopped import Stopped

READ_AGAIN = 4
"""Objects of the lake that are held for another look: who left together comes back together."""


class LakeShelf:
    """``core.leaving.Shelf`` of one shard over the lake of one life."""

    def __init__(self, store: Store, life: str, shard: str) -> None:
        self._store = store
        self._life = life
        self._shard = shard
        self._held: dict[str, tuple[bytes, bytes]] = {}
        self._read: OrderedDict[str, bytes] = OrderedDict()

    def keep(self, name: str, states: bytes, index: bytes) -> None:
        self._held.setdefault(name, (states, index))

    def states(self, name: str) -> bytes:
        """Raises Stopped where the lake has no such object."""
        if name in self._held:
            return self._held[name][0]
        if name not in self._read:
            self._read[name] = self._found(left_states_key(self._life, name))
        self._read.move_to_end(name)
        while len(self._read) > READ_AGAIN:
            self._read.popitem(last=False)
        return self._read[name]

    def index(self, name: str) -> bytes:
        """Raises Stopped where the lake has no such object."""
        if name in self._held:
            return self._held[name][1]
        return self._found(left_index_key(self._life, name))

    def put(self, listed: Collection[str], at: Position | None) -> None:
        """Put what a snapshot at ``at`` lists and is only held here. What left before and
        isn't listed there, no later snapshot lists: it is let go."""
        for name in [name for name in self._held if name in listed]:
            states, index = self._held[name]
            self._store.put_once(left_states_key(self._life, name), states)
            self._store.put_once(left_index_key(self._life, name), index)
            del self._held[name]
        upto = f"{self._shard}/{at.key}~" if at else ""
        for name in [name for name in self._held if name < upto]:
            del self._held[name]

    def _found(self, key: str) -> bytes:
        body = self._store.get(key)
        if body is None:
            raise Stopped(
                f"symbols that left {self._shard} are needed again, but the lake has no {key}. "
                "Where this worker slept for long, another worker has gone on with the shard and "
                "nothing is to be done. Else the object was deleted: restore it, or begin a new "
                "life with both names new"
            )
        return body
