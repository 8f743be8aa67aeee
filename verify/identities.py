"""Who was produced, and who was seen: a producer's record ids, or records' places on the stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from kcl_app.core.columns import Array
from verify.buckets import Buckets
from verify.disk import Disk

FLUSH = 250_000
NAMED = 1_000
"""Missing identities that are kept, so that some can be named."""

Seen = Literal["produced", "stored", "tick"]
"""A ``tick`` is stored, too, and counts as a repeat from its second time on."""
PRODUCED, STORED, TICK = 0, 1, 2
CODES: dict[Seen, int] = {"produced": PRODUCED, "stored": STORED, "tick": TICK}


@dataclass(frozen=True)
class Count:
    """Distinct identities produced, those of them never seen stored, and ticks seen again."""

    produced: int = 0
    missing: int = 0
    repeated: int = 0


@dataclass
class Identities:
    """All that were seen, by any of the three. ``disk`` hashes them."""

    disk: Disk
    _ids: list[tuple[int, pa.Array]] = field(default_factory=list, init=False, repr=False)
    _absent: set[bytes] = field(default_factory=set, init=False, repr=False)

    def __post_init__(self) -> None:
        directory = Path(self.disk.directory, "identities")
        directory.mkdir()
        self._buckets = Buckets(directory)

    def see(self, who: Seen, identities: pa.Array) -> None:
        """Identities as text; nulls are nobody."""
        known = identities.drop_null()
        if len(known):
            self._ids.append((CODES[who], known))
        if sum(len(ids) for _, ids in self._ids) >= FLUSH:
            self._flush()

    def count(self) -> Count:
        """Settle who was produced, stored and repeated."""
        self._flush()
        self._absent = set()
        produced = missing = repeated = 0
        for group in self._buckets.groups():
            whole = np.add.reduceat
            was_produced = whole(group.codes == PRODUCED, group.begins, dtype=np.int64) > 0
            was_stored = whole(group.codes != PRODUCED, group.begins, dtype=np.int64) > 0
            ticks = whole(group.codes == TICK, group.begins, dtype=np.int64)
            absent = was_produced & ~was_stored
            produced += int(was_produced.sum())
            missing += int(absent.sum())
            repeated += int(np.maximum(ticks - 1, 0).sum())
            self._keep(group.names[group.begins[absent]])
        return Count(produced, missing, repeated)

    def absent(self, identities: pa.Array) -> list[str]:
        """Those of the identities that ``count`` found missing; it keeps NAMED of them."""
        known = identities.drop_null()
        names = [row.tobytes() for row in self._hashed(known)] if len(known) else []
        texts = known.to_pylist()
        return [t for t, name in zip(texts, names, strict=True) if name in self._absent]

    def _keep(self, names: Array) -> None:
        self._absent.update(row.tobytes() for row in names[: NAMED - len(self._absent)])

    def _flush(self) -> None:
        if not self._ids:
            return
        names = self._hashed(pa.chunked_array([ids for _, ids in self._ids], pa.string()))
        codes = [np.full(len(ids), code, np.uint8) for code, ids in self._ids]
        self._ids = []
        self._buckets.add(names, np.concatenate(codes))

    def _hashed(self, identities: Any) -> Array:
        """(n, 2) of uint64: the bytes of each one's MD5."""
        batch = pa.table({"id": identities})
        hashed = self.disk.table("SELECT unhex(md5(id)) AS name FROM batch", batch)["name"]
        parts = [
            np.frombuffer(chunk.buffers()[2], "<u8").reshape(-1, 2)[chunk.offset :][: len(chunk)]
            for chunk in hashed.chunks
        ]
        return np.concatenate(parts)
