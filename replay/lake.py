"""A life of a lake as the origin: its shards, positions and arrivals, as they stand.

Rules:
1. Read is what is stored for good: up to the newest snapshot of each shard, and all of one
   that has its END. So a live lake may be read, and read on another time.
2. Each cut is held against its record, counts and digest, before a row of it goes on.
3. What the life left out as repeats stays left out; nothing else is taken for one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.parquet as pq

from kcl_app.core.cut import CutRecord, digest, parse
from kcl_app.core.lake import object_key
from kcl_app.core.position import HEAD, Position, key_after
from kcl_app.core.records import Records
from kcl_app.core.schema import TABLES
from replay.origin import ReplayError
from replay.stored import READ, place, records
from verify.lake import Lake

CALL = 10_000
"""Records of a call, as the KCL gives at most."""
ALL = "~"
"""Behind every position in text order: an ended shard's snapshots may be gone."""
DAMAGED = "`tapeline verify` says more; a damaged lake is not replayed"


@dataclass(frozen=True)
class Chain:
    """What of a shard is done: keys of cut records in stream order, and where they end."""

    keys: tuple[str, ...]
    upto: str
    ended: bool
    first: Position | None
    end: Position | None


@dataclass
class LakeOrigin:
    """Life ``life`` of the lake at ``url``."""

    lake: Lake
    life: str
    url: str

    @property
    def name(self) -> str:
        return f"life {self.life} of {self.url}"

    def total(self) -> int | None:
        return None

    @cached_property
    def _chains(self) -> dict[str, Chain]:
        return {shard: self._chain(shard) for shard in self.lake.folders(f"cuts/{self.life}/")}

    def shards(self) -> Sequence[str]:
        """By their first positions: a child's lies behind its parents' last."""
        chains = self._chains
        return sorted(chains, key=lambda s: ((f := chains[s].first) is not None, f and f.order, s))

    def parents(self, shard: str) -> Sequence[str]:
        """All shards that had ended before this one began. A symbol is on one shard at a time,
        so what the newest of them knows of it is what its parent knew."""
        began = self._chains[shard].first
        if began is None:
            return ()
        return [
            other
            for other, chain in self._chains.items()
            if chain.ended and chain.end is not None and chain.end < began
        ]

    def ended(self, shard: str) -> bool:
        return self._chains[shard].ended

    def read(self, shard: str, after: Position | None) -> Iterator[Records]:
        """Raises ReplayError where an object is missing or is not what its cut says."""
        with ThreadPoolExecutor(1, "ahead") as pool:
            coming: Future[Records] | None = None
            for record in self._cuts(shard, after):
                ready, coming = coming, pool.submit(self._records, record)
                if ready is not None:
                    yield from _calls(ready.result())
            if coming is not None:
                yield from _calls(coming.result())

    # --- the chain -----------------------------------------------------------------

    def _chain(self, shard: str) -> Chain:
        lead = f"cuts/{self.life}/{shard}/"
        keys = sorted(self.lake.keys(lead), key=lambda key: (HEAD not in key, key))
        states = [key.rsplit("/", 1)[-1].removesuffix(".arrow") for key in self._snapshots(shard)]
        last = self._cut(keys[-1]) if keys else None
        ended = last is not None and last.kind == "end"
        upto = ALL if ended else max((state for state in states if state != HEAD), default="")
        first = self._cut(keys[0]).first_at if keys else None
        return Chain(tuple(keys), upto, ended, first, last.ends_at if last and ended else None)

    def _snapshots(self, shard: str) -> Iterator[str]:
        return self.lake.keys(f"snapshots/{self.life}/{shard}/")

    def _cut(self, key: str) -> CutRecord:
        body = self.lake.body(key)
        if body is None:
            raise ReplayError(f"{key} was deleted from {self.url}; {DAMAGED}")
        try:
            return parse(body)
        except ValueError as wrong:
            raise ReplayError(f"{key} of {self.url} is no cut record: {wrong}") from wrong

    def _cuts(self, shard: str, after: Position | None) -> Iterator[CutRecord]:
        """Done cuts that end behind ``after``."""
        chain = self._chains[shard]
        begun = key_after(after) if after else ""
        at: Position | None = None
        for place_, key in enumerate(chain.keys):
            following = chain.keys[place_ + 1] if place_ + 1 < len(chain.keys) else None
            if following is not None and _after(following) <= begun:
                at = _position(following)
                continue
            record = self._cut(key)
            if record.begins_after != at:
                raise ReplayError(f"the chain of {shard} at {self.url} has a hole; {DAMAGED}")
            at = record.ends_at
            if key_after(at) > chain.upto:
                return
            if record.kind == "cut" and (after is None or at is None or at > after):
                yield record

    # --- rows ----------------------------------------------------------------------

    def _records(self, cut: CutRecord) -> Records:
        ticks, rejects = self._table(cut, "ticks"), self._table(cut, "rejects")
        order, places = place(ticks, rejects)
        sequences = places["sequence"][order].tolist()
        found = digest(sequences, places["sub_sequence"][order], places["line"][order])
        if (len(ticks), len(rejects), found) != (cut.rows, cut.rejects, cut.digest):
            raise ReplayError(
                f"cut {cut.name} of {self.url} says {cut.rows} ticks and {cut.rejects} rejects, "
                f"its objects hold {len(ticks)} and {len(rejects)}, or others; {DAMAGED}"
            )
        return records(ticks, rejects)

    def _table(self, cut: CutRecord, name: str) -> pa.Table:
        parts = [self._object(object_key(cut, o)) for o in cut.objects if o.table == name]
        schema = TABLES[name].arrow
        wanted = pa.schema([schema.field(column) for column in READ[name]])
        return pa.concat_tables([wanted.empty_table(), *(p.cast(wanted) for p in parts)])

    def _object(self, key: str) -> pa.Table:
        body = self.lake.body(key)
        if body is None:
            raise ReplayError(f"{key} is missing at {self.url}; {DAMAGED}")
        table = pq.read_table(io.BytesIO(body), columns=list(READ[key.split("/", 1)[0]]))
        return table.replace_schema_metadata(None)


def _calls(rows: Records) -> Iterator[Records]:
    for start in range(0, len(rows), CALL):
        yield rows.slice(start, min(start + CALL, len(rows)))


def _after(key: str) -> str:
    return key.rsplit("/", 1)[-1].removesuffix(".json")


def _position(key: str) -> Position:
    sequence, sub = _after(key).split("-")
    return Position(sequence, int(sub))
