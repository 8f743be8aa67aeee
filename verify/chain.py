"""A shard's chain of cuts, from HEAD to the lease's checkpoint. Pure: records in, findings out.

Rules:
1. Each record stands at the key of its ``after``, and its ``after`` is where the
   record before it ends. HEAD begins the chain.
2. Within a record: first > after, last >= first; a gap's last > after.
3. END is last and begins where the chain ends.
4. The checkpoint is some record's end. What lies past it is pending.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from kcl_app.core.cut import CutRecord
from kcl_app.core.lake import cut_key
from kcl_app.core.position import Position
from verify.contradictions import contradictions, named, order
from verify.findings import Finding

Stand = Literal["nothing", "position", "end", "unknown", "all"]


@dataclass(frozen=True)
class Checkpoint:
    """How far a shard is done: nothing yet, up to a position, or to its end.

    ``unknown`` is a shard without lease. ``all`` judges a life that is over by
    itself: whatever stands counts as done.
    """

    stand: Stand = "nothing"
    position: Position | None = None

    @staticmethod
    def of(text: str, sub: int = 0) -> Checkpoint:
        """From a lease. Raises ValueError where it is neither a sentinel nor a position."""
        if text == "SHARD_END":
            return Checkpoint("end")
        if text in ("TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"):
            return Checkpoint("nothing")
        return Checkpoint("position", Position(text, sub))

    def covers(self, end: Position | None) -> bool:
        """True where what ends at ``end`` is done."""
        if self.stand == "position":
            assert self.position is not None
            return end is None or end <= self.position
        return self.stand in ("end", "all")

    def __str__(self) -> str:
        if self.stand == "position":
            return str(self.position)
        return {"end": "SHARD_END", "nothing": "none yet"}.get(self.stand, self.stand)


@dataclass
class Chain:
    """Takes a shard's records in stream order. ``found`` grows as they come."""

    life: str
    shard: str
    checkpoint: Checkpoint
    found: list[Finding] = field(default_factory=list)
    begun: bool = False
    ended: bool = False
    end: Position | None = None
    """Where the chain has come to; None at HEAD."""
    first: Position | None = None
    """First record that the chain holds."""
    cuts: int = 0
    pending: int = 0
    gaps: list[tuple[Position | None, Position]] = field(default_factory=list)
    _met: bool = field(default=False, init=False)
    _around: str = field(default="", init=False)

    def add(self, key: str, record: CutRecord) -> bool:
        """Take the record found at ``key``. True where it is done, False where pending."""
        if record.life != self.life or record.shard != self.shard:
            self._say("stranger", f"{key} is of life {record.life}, shard {record.shard}")
        elif key != cut_key(self.life, self.shard, record.begins_after):
            self._say("misnamed", f"{key} begins after {named(record.begins_after)}")
        self._linked(key, record)
        self._ordered(key, record)
        self._meet_checkpoint(key, record)
        self._advance(record)
        done = self.checkpoint.covers(record.ends_at) and self._done_end(record)
        self.cuts += record.kind == "cut"
        self.pending += record.kind == "cut" and not done
        return done

    def close(self) -> list[Finding]:
        """No more records: what is missing at the end. Returns all findings."""
        if self.checkpoint.stand == "end" and not self.ended:
            self._say("end", f"the lease says SHARD_END, the chain stops at {named(self.end)}")
        if self.checkpoint.stand == "unknown" and self.begun and not self.ended:
            self._say("lease", f"the chain goes to {named(self.end)} and has no lease")
        if self.checkpoint.stand == "position" and not self._met:
            self._say("checkpoint", self._astray(), (str(self.checkpoint.position),))
        return self.found

    def _linked(self, key: str, record: CutRecord) -> None:
        after, end = record.begins_after, self.end
        between = (named(end), named(after))
        if self.ended:
            self._say("after-end", f"{key} follows the END at {named(end)}", between)
        elif order(after) > order(end):
            self._say(
                "hole",
                f"no cut begins after {named(end)}; the next begins after {named(after)}",
                between,
                (cut_key(self.life, self.shard, end), key),
            )
        elif order(after) < order(end) or (self.begun and after is None):
            self._say(
                "overlap",
                f"{key} begins after {named(after)}, the cut before it ends at {named(end)}",
                (named(after), named(end)),
                (key,),
            )

    def _ordered(self, key: str, record: CutRecord) -> None:
        for why in contradictions(record):
            self._say("disorder", f"{key}: {why}", (named(record.begins_after),), (key,))

    def _meet_checkpoint(self, key: str, record: CutRecord) -> None:
        at, end = self.checkpoint.position, record.ends_at
        if at is None:
            return
        if end == at:
            self._met = True
        elif order(record.begins_after) < at.order < order(end):
            self._around = key

    def _advance(self, record: CutRecord) -> None:
        self.begun = True
        self.ended = self.ended or record.kind == "end"
        if record.kind == "gap" and record.last is not None:
            self.gaps.append((record.begins_after, record.last.position))
        if self.first is None and record.kind == "cut" and record.first is not None:
            self.first = record.first.position
        if order(record.ends_at) > order(self.end):
            self.end = record.ends_at

    def _done_end(self, record: CutRecord) -> bool:
        return record.kind != "end" or self.checkpoint.stand in ("end", "all")

    def _astray(self) -> str:
        at = self.checkpoint.position
        if self._around:
            return f"the checkpoint {at} lies inside the cut {self._around}"
        if not self.begun:
            return f"the checkpoint is {at}, but the shard has no cut in this lake"
        if at is not None and at.order > order(self.end):
            return f"the checkpoint {at} lies past the chain, which stops at {named(self.end)}"
        return f"the checkpoint {at} lies in a hole of the chain"

    def _say(
        self, kind: str, what: str, at: tuple[str, ...] = (), objects: tuple[str, ...] = ()
    ) -> None:
        self.found.append(Finding(kind, what, self.shard, at, objects))


def prove(
    records: Iterable[tuple[str, CutRecord]], checkpoint: Checkpoint, life: str, shard: str
) -> Chain:
    """The whole chain at once, closed. ``records`` are (key, record) in stream order."""
    chain = Chain(life, shard, checkpoint)
    for key, record in records:
        chain.add(key, record)
    chain.close()
    return chain
