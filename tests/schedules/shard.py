"""A shard of Kinesis and its lease: the world's edge, in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from amazon_kclpy.checkpoint_error import CheckpointError

from kcl_app.core.position import Position
from kcl_app.core.records import Records
from tests.schedules.stage import Actor

REFUSALS = ("ThrottlingException", "KinesisClientLibDependencyException", "InvalidStateException")
"""Two that are tried again, and one that ends the worker."""

FIRST_SEQUENCE = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898
DAY_MS = 86_400_000
BEGIN_MS = 1_736_175_600_000
GARBAGE = (b"not json", b'{"symbol": "AAA"}', b'{"symbol":"","timestamp":1,"price":1}', b"\xff\x00")


def tape(count: int, each: int = 1) -> Records:
    """``count`` records over some days: single ticks, many lines, garbage, aggregated records,
    sequence numbers with holes. Of two letters, A and B, that begin ``each`` symbols."""
    rows: list[tuple[str, int, int, str, bytes]] = []
    sequence, sub = FIRST_SEQUENCE, 0
    for n in range(count):
        sub = sub + 1 if n % 7 in (3, 4) else 0
        sequence += 0 if sub else 1 + 10 ** (n % 5)
        letter = "AB"[n * n % 3]
        symbol = letter * 3 if each == 1 else f"{letter}{n // 2 % each}"
        rows.append((str(sequence), sub, BEGIN_MS + 40 * n, symbol, _payload(n, symbol)))
    columns = zip(*rows, strict=True)
    return Records(*(list(column) for column in columns))


def _payload(n: int, symbol: str) -> bytes:
    if n % 11 == 5:
        return GARBAGE[n % len(GARBAGE)]
    lines = [_tick(n, symbol, line) for line in range(3 if n % 9 == 2 else 1)]
    return b"\n".join(lines) + (b"\nbroken line" if n % 13 == 6 else b"")


def _tick(n: int, symbol: str, line: int) -> bytes:
    at = BEGIN_MS + 20_000 * n - (DAY_MS if n % 17 == 8 else 0)
    price = 100 + (n * 7919 % 1000) / 10 + (30 if n % 19 == 4 else 0)
    return json.dumps(
        {"symbol": symbol, "timestamp": at, "price": price, "volume": n, "id": f"r-{n}-{line}"}
    ).encode()


@dataclass
class Shard:
    """Records, and the lease's checkpoint; ``owner`` is the only one who may move it.

    ``zombies`` had the lease before, and go on when the schedule lets them.
    """

    records: Records
    name: str = "shardId-000000000000"
    parents: tuple[str, ...] = ()
    checkpoint: Position | None = None
    ended: bool = False
    owner: Actor | None = None
    zombies: list[Actor] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    refuse: Callable[[], str] = lambda: ""

    def cursor(self) -> int:
        """Index of the first record after the checkpoint."""
        positions = range(len(self.records))
        at = self.checkpoint
        if at is None:
            return 0
        return next((i for i in positions if self.records.position(i) > at), len(self.records))


SHAPES: dict[str, tuple[tuple[tuple[int, ...], str, float, float], ...]] = {
    "one": (((), "AB", 0, 1),),
    "split": (((), "AB", 0, 0.4), ((0,), "A", 0.4, 1), ((0,), "B", 0.4, 1)),
    "merge": (((), "A", 0, 0.6), ((), "B", 0, 0.6), ((0, 1), "AB", 0.6, 1)),
    "split and merge": (
        ((), "AB", 0, 0.3),
        ((0,), "A", 0.3, 0.7),
        ((0,), "B", 0.3, 0.7),
        ((1, 2), "AB", 0.7, 1),
    ),
    "one child stays empty": (((), "AB", 0, 0.5), ((0,), "", 0.5, 1), ((0,), "AB", 0.5, 1)),
    "no record before the split": (((), "AB", 0, 0), ((0,), "A", 0, 1), ((0,), "B", 0, 1)),
}
"""How a stream is resharded: each shard's parents, whose symbols it gets, from when to when."""


def family(shape: str, records: Records) -> list[Shard]:
    """The shards of a stream of that shape, parents before children."""
    shards: list[Shard] = []
    for parents, symbols, start, stop in SHAPES[shape]:
        part = records.slice(int(start * len(records)), int(stop * len(records)))
        names = tuple(shards[parent].name for parent in parents)
        name = f"shardId-{len(shards):012d}"
        shards.append(Shard(_keyed(part, symbols), name, parents=names))
    return shards


def _keyed(records: Records, symbols: str) -> Records:
    """A symbol is its partition key, so all of it moves to one child."""
    kept = [n for n, key in enumerate(records.keys) if key[0] in symbols]
    return Records(
        [records.sequences[n] for n in kept],
        [records.subs[n] for n in kept],
        [records.arrivals[n] for n in kept],
        [records.keys[n] for n in kept],
        [records.data[n] for n in kept],
    )


@dataclass
class Checkpointer:
    """What the KCL gives a callback."""

    shard: Shard
    actor: Actor

    def checkpoint(self, sequence: str | None = None, sub: int | None = None) -> None:
        self.actor.gate("checkpoint")
        if self.shard.owner is not self.actor:
            raise CheckpointError("ShutdownException")
        if self.shard.refusals:
            raise CheckpointError(self.shard.refusals.pop())
        if refusal := self.shard.refuse():
            raise CheckpointError(refusal)
        if sequence is None:
            self.shard.ended = True
        else:
            self.shard.checkpoint = Position(sequence, sub or 0)


NOTHING = Records([], [], [], [], [])


@dataclass(frozen=True)
class Call:
    """Any callback's input, as far as the processor looks at it."""

    checkpointer: Checkpointer
    columns: Records = NOTHING
    shard_id: str = ""
    sequence_number: str | None = None
    sub_sequence_number: int | None = None
    millis_behind_latest: int | None = None


def initialize(shard: Shard, checkpointer: Checkpointer) -> Any:
    at = shard.checkpoint
    sequence = at.sequence if at else "TRIM_HORIZON"
    return Call(
        checkpointer, Records([], [], [], [], []), shard.name, sequence, at.sub if at else 0
    )
