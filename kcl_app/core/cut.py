"""The cut record: what one stored run of a shard's records is, as a fact.

A shard's cuts form a chain. Each record stands at a key named by the position
that the cut began after, is created once and never changed or deleted. Whoever
creates it decides, for everybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from kcl_app.core.position import SEQUENCE_DIGITS, Position, key_after

FORMAT = 1
PLACEMENT = "1"
"""Version of the rules that say which (table, dt) a record's rows belong to."""

Kind = Literal["cut", "end", "gap"]


class Place(msgspec.Struct, frozen=True):
    """A position as the record stores it: the sequence number's text, and the sub-sequence."""

    sequence: str
    sub: int = 0

    @property
    def position(self) -> Position:
        return Position(self.sequence, self.sub)

    @classmethod
    def of(cls, position: Position) -> Place:
        return cls(position.sequence, position.sub)


class ObjectEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """An object of the cut: ``rows`` of ``table`` in one partition.

    ``derived`` objects hold values: they must stand, but their rows are those of
    whoever put them first.
    """

    table: str
    dt: str
    rows: int
    interval: str = ""
    derived: bool = False

    @property
    def partition(self) -> str:
        """``dt=2025-01-31``, or ``interval=1m/dt=2025-01-31``."""
        lead = f"interval={self.interval}/" if self.interval else ""
        return f"{lead}dt={self.dt}"


class CutRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One link of a shard's chain.

    ``after`` is None for the shard's first. ``records`` counts user records,
    ``rows`` accepted ticks, ``rejects`` refused lines, ``repeats`` ticks dropped as
    a producer's repeat. ``digest`` covers the positions of all rows and rejects.
    ``symbols`` is how many symbols at most stay in memory behind the cut, 0 all: it
    isn't binding, but holds for all, so that their states agree.
    ``reason`` and ``values`` inform; they decide nothing. An ``end`` has neither
    rows nor objects; a ``gap`` says in ``last`` where reading goes on after, and in
    ``first`` which record the stream's oldest was, where it had one.
    """

    life: str
    shard: str
    after: Place | None
    first: Place | None = None
    last: Place | None = None
    records: int = 0
    rows: int = 0
    rejects: int = 0
    repeats: int = 0
    digest: str = ""
    objects: tuple[ObjectEntry, ...] = ()
    placement: str = PLACEMENT
    kind: Kind = "cut"
    symbols: int = 0
    reason: str = ""
    values: str = ""
    format: int = FORMAT

    @property
    def name(self) -> str:
        """``LIFE-SHARD-<after, zero-padded>``: the name of every object of the cut."""
        return f"{self.life}-{self.shard}-{key_after(self.begins_after)}"

    @property
    def begins_after(self) -> Position | None:
        return self.after.position if self.after else None

    @property
    def first_at(self) -> Position | None:
        return self.first.position if self.first else None

    @property
    def ends_at(self) -> Position | None:
        """The last position of the cut; for an END, the position the shard ended at."""
        return self.last.position if self.last else self.begins_after

    def binding(self) -> tuple[Any, ...]:
        """What two workers must agree on. Positions compare as integers."""
        return (
            self.kind,
            self.begins_after,
            self.first_at,
            self.ends_at,
            self.records,
            self.rows,
            self.rejects,
            self.repeats,
            self.digest,
            self.placement,
            tuple(sorted((o.table, o.dt, o.rows) for o in self.objects if not o.derived)),
        )


def encode(record: CutRecord) -> bytes:
    return msgspec.json.encode(record)


def parse(body: bytes) -> CutRecord:
    """The record of ``encode``. Raises ValueError where it isn't one, or is of a later format."""
    record = msgspec.json.decode(body, type=CutRecord)
    if record.format != FORMAT:
        raise ValueError(f"cut record format {record.format} is not known to this release")
    return record


def digest(sequences: Sequence[str], subs: Any, lines: Any) -> str:
    """BLAKE2b-128 of rows' positions, given in stream order.

    Hashes the sequence numbers, zero-padded to 56 digits, then the sub-sequences
    (int64), then the lines (int32), little-endian, each as one column.
    """
    hashed = hashlib.blake2b(digest_size=16)
    hashed.update("".join([s.rjust(SEQUENCE_DIGITS, "0") for s in sequences]).encode())
    hashed.update(np.asarray(subs, dtype="<i8").tobytes())
    hashed.update(np.asarray(lines, dtype="<i4").tobytes())
    return hashed.hexdigest()
