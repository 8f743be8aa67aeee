"""Gaps in a shard's chain: records that the stream has lost, given up by an operator.

A gap record stands where the chain ended, like any other cut record: created once,
first wins, never changed. A worker that can no longer prove its checkpoint looks for
one, and goes on after it. Cuts before the gap that were never checkpointed keep what
was stored of them; ``verify`` says which of their objects are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from kcl_app.core.cut import CutRecord, Place, encode, parse
from kcl_app.core.lake import cut_key
from kcl_app.core.position import SUB_DIGITS, Position
from kcl_app.core.store import Store
from kcl_app.retention import Found

LAST_SUB = 10**SUB_DIGITS - 1


class GapRefused(Exception):
    """There is nothing to confirm, or it cannot be. The text says which."""


class Stream(Protocol):
    """What ``confirm`` asks of the stream; ``retention.StreamRetention`` is one."""

    def gap(self, shard: str, at: Position) -> str: ...
    def oldest(self, shard: str) -> Found: ...


@dataclass(frozen=True)
class Confirmed:
    """``oldest`` is where reading goes on, None where the stream has nothing of the shard."""

    record: CutRecord
    oldest: Found


def standing(store: Store, life: str, shard: str, after: Position | None) -> Iterator[CutRecord]:
    """The chain's records from ``after`` on, one after the other."""
    while (body := store.get(cut_key(life, shard, after))) is not None:
        record = parse(body)
        yield record
        if record.kind == "end":
            return
        after = record.ends_at


def next_gap(store: Store, life: str, shard: str, after: Position | None) -> CutRecord | None:
    """The first gap that stands at or past ``after``, if one does."""
    return next((r for r in standing(store, life, shard, after) if r.kind == "gap"), None)


def confirm(store: Store, stream: Stream, life: str, shard: str, at: Position) -> Confirmed:
    """Give up what the stream lost after the checkpoint ``at``, at the chain's end.

    Raises GapRefused where the stream still has it, the shard has ended, or another
    worker wrote on meanwhile.
    """
    end, witness = at, at
    for record in standing(store, life, shard, at):
        if record.kind == "end":
            raise GapRefused(
                f"{shard} has its END, but its last cuts were never checkpointed and cannot be "
                "read again: restore the stream, or begin a new life"
            )
        end = record.ends_at or end
        if record.kind == "gap":
            witness = record.first_at or end
    if not stream.gap(shard, witness):
        raise GapRefused(f"{shard}: nothing is missing after {witness}; start the worker")
    oldest = stream.oldest(shard)
    record = _gap(life, shard, end, oldest.at)
    key = cut_key(life, shard, end)
    if not store.create(key, encode(record)) and _read(store, key).binding() != record.binding():
        raise GapRefused(f"{shard}: another record came first at {end}; start the worker")
    return Confirmed(record, oldest)


def _gap(life: str, shard: str, end: Position, oldest: Position | None) -> CutRecord:
    """Up to just before the oldest record; or to what cannot be read past, where that is
    further on: the last standing cut (and what is left of an aggregated record it ends in)."""
    last = Position(end.sequence, LAST_SUB)
    first = None
    if oldest is not None and int(oldest.sequence) > int(end.sequence):
        first, last = Place.of(oldest), Position(str(int(oldest.sequence) - 1), LAST_SUB)
    return CutRecord(
        life, shard, Place.of(end), first, Place.of(last), kind="gap", reason="confirmed"
    )


def _read(store: Store, key: str) -> CutRecord:
    return parse(store.get(key) or b"")
