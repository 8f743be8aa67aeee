"""A ground whose stream reshards, and the faults that reshard it.

Kinesis is kinesis-mock there, because the emulator drops a parent's records at a split.
Everything else, leases included, stays in the emulator.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import ExitStack
from itertools import pairwise
from random import Random
from typing import Any, ClassVar

from deploy.local.emulator import HOST, LocalAws
from tests.faults.ground import WORKERS, Ground
from tests.faults.kinds import Kind, kill_child, kill_everything, kill_group_of_jvm, kill_jvm
from tests.faults.producing import SYMBOLS
from tests.faults.proxy import Proxy
from tests.faults.waiting import until
from tests.reshard.mock import KinesisMock
from tests.reshard.unbroken import differences

FEWEST, MOST = 1, 4
"""Open shards."""
ACTIVE_WITHIN_S = 60.0


class ReshardGround(Ground):
    """Begins with one shard; never has more than four open."""

    own: ClassVar[dict[str, Any]] = {
        "stream.shards": 1,
        "worker.max_shards": 32,  # those that ended in the last minutes count
        "worker.max_records": 500,  # kinesis-mock is slow with large answers
        "windows.intervals": ["10s", "1m", "1h"],
    }

    def _emulated(self, stack: ExitStack) -> str:
        aws = stack.enter_context(LocalAws(self.folder / "aws"))
        kinesis = stack.enter_context(KinesisMock(self.folder / "aws"))
        quiet = stack.enter_context(Proxy(HOST, aws.port, Random(0), kinesis.port))
        draw = Random(self.draw.random())
        self.proxy = stack.enter_context(Proxy(HOST, aws.port, draw, kinesis.port))
        return quiet.url

    def open_shards(self) -> list[str]:
        """Those of them that some symbol's key leads to."""
        places = [_place(f"S{n}") for n in range(SYMBOLS)]
        return [
            shard["ShardId"]
            for shard in self.settled_shards()
            if any(_starts(shard) <= place <= _ends(shard) for place in places)
        ]

    def differences(self) -> list[str]:
        return list(differences(self.site, {}))

    # --- resharding ----------------------------------------------------------------

    def split(self) -> None:
        """Split a widest shard in the middle; a pair is merged first where four are open.

        Returns as soon as Kinesis has taken it: the children may not be there yet.
        """
        if len(self.settled_shards()) == MOST:
            self.merge()
        shard = self.draw.choice(_most(self.settled_shards(), _width))
        middle = (_starts(shard) + _ends(shard) + 1) // 2
        self._ask("split_shard", ShardToSplit=shard["ShardId"], NewStartingHashKey=str(middle))

    def merge(self) -> None:
        """Merge a narrowest pair of neighbours; the only shard is split first. Returns likewise."""
        if len(self.settled_shards()) == FEWEST:
            self.split()
        pairs = list(pairwise(sorted(self.settled_shards(), key=_starts)))
        low, high = self.draw.choice(_most(pairs, lambda pair: -_width(pair[0]) - _width(pair[1])))
        self._ask("merge_shards", ShardToMerge=low["ShardId"], AdjacentShardToMerge=high["ShardId"])

    def settled_shards(self) -> list[Any]:
        """The open shards, once the stream may be resharded again."""
        until(self._is_active, ACTIVE_WITHIN_S, "the stream to be ACTIVE")
        return self.described()

    def _ask(self, call: str, **given: str) -> None:
        getattr(self.kinesis, call)(StreamName=self.site.settings.stream.name, **given)

    def _is_active(self) -> bool:
        name = self.site.settings.stream.name
        answer = self.kinesis.describe_stream_summary(StreamName=name)
        return bool(answer["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE")


def _most(things: list[Any], weight: Any) -> list[Any]:
    """All that weigh the most."""
    heaviest = max(map(weight, things))
    return [thing for thing in things if weight(thing) == heaviest]


def _starts(shard: Any) -> int:
    return int(shard["HashKeyRange"]["StartingHashKey"])


def _ends(shard: Any) -> int:
    return int(shard["HashKeyRange"]["EndingHashKey"])


def _width(shard: Any) -> int:
    return _ends(shard) - _starts(shard)


def _place(key: str) -> int:
    """Where Kinesis puts a partition key: its MD5 as an integer."""
    return int.from_bytes(hashlib.md5(key.encode(), usedforsecurity=False).digest())


# --- the faults --------------------------------------------------------------------


def split(ground: Ground) -> None:
    _on(ground).split()


def merge(ground: Ground) -> None:
    _on(ground).merge()


def kill_during_split(ground: Ground) -> None:
    """Just when the stream has begun to split: its child shards may not even be there."""
    _on(ground).split()
    ground.draw.choice(KILLS)(ground)


def kill_during_merge(ground: Ground) -> None:
    _on(ground).merge()
    ground.draw.choice(KILLS)(ground)


def join_during_split(ground: Ground) -> None:
    """A worker more, while the stream splits; another leaves first where all are there."""
    while len(ground.workers) >= min(WORKERS, len(ground.open_shards())):
        if len(ground.workers) > 1:
            ground.stop(ground.busy())
        else:
            _on(ground).split()
    _on(ground).split()
    ground.join()


def stop_during_merge(ground: Ground) -> float:
    """A worker is asked to leave while its shards end."""
    while len(ground.open_shards()) < FEWEST + 2:
        _on(ground).split()
    ground.company()
    _on(ground).merge()
    instance, asked = ground.busy(), time.monotonic()
    ground.stop(instance)
    return asked


def _on(ground: Ground) -> ReshardGround:
    assert isinstance(ground, ReshardGround)
    return ground


KILLS: tuple[Kind, ...] = (kill_child, kill_jvm, kill_group_of_jvm, kill_everything)

RESHARDS: dict[Kind, float] = {
    split: 1,
    merge: 1,
    kill_during_split: 2,
    kill_during_merge: 2,
    join_during_split: 1,
    stop_during_merge: 1,
}
"""Weights, as those of the other kinds."""
