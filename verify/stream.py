"""The stream read again, while retention lasts: every record up to the checkpoint is stored."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

from kcl_app.core.position import SEQUENCE_DIGITS, Position
from verify.aggregate import user_records
from verify.chain import Chain

READ_SIZE = 10_000
PAUSE_S = 0.25
"""Between reads: a shard answers five a second, to everybody together."""


def shards(client: Any, arn: str) -> dict[str, frozenset[str]] | None:
    """The stream's shards and their parents; None where the stream is gone."""
    found: dict[str, frozenset[str]] = {}
    try:
        for page in client.get_paginator("list_shards").paginate(StreamARN=arn):
            for shard in page["Shards"]:
                named = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                found[shard["ShardId"]] = frozenset(parent for parent in named if parent)
    except client.exceptions.ResourceNotFoundException:
        return None
    return found


def identities(shard: str, rows: pa.Table) -> pa.Array:
    """Names of stored records, from columns of padded sequence and sub-sequence."""
    pairs = zip(rows["sequence"].to_pylist(), rows["sub_sequence"].to_pylist(), strict=True)
    return pa.array([f"{shard}/{sequence}/{sub}" for sequence, sub in pairs], pa.string())


def replay(
    client: Any, arn: str, chain: Chain, sleep: Callable[[float], None] = time.sleep
) -> Iterator[tuple[Position, pa.Array]]:
    """(first position, names of user records) of each answer, up to the chain's checkpoint.

    Confirmed gaps are left out. ``sleep`` is called between reads.
    """
    iterator = client.get_shard_iterator(
        StreamARN=arn, ShardId=chain.shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while iterator:
        answer = client.get_records(StreamARN=arn, ShardIterator=iterator, Limit=READ_SIZE)
        records = answer["Records"]
        if records:
            done = [r for r in records if _wanted(chain, Position(r["SequenceNumber"]))]
            yield Position(records[0]["SequenceNumber"]), _names(chain, done)
            if past(chain, Position(records[-1]["SequenceNumber"])):
                return
        elif not answer.get("MillisBehindLatest"):
            return
        iterator = answer.get("NextShardIterator")
        sleep(PAUSE_S)


def compared(chain: Chain) -> bool:
    """True where something of the shard is checkpointed, hence to be found on the stream."""
    return chain.checkpoint.stand in ("position", "end")


def past(chain: Chain, at: Position) -> bool:
    """True where nothing behind ``at`` is checkpointed."""
    done = chain.checkpoint
    if done.stand == "position":
        return done.position is not None and int(at.sequence) > int(done.position.sequence)
    return done.stand != "end"


def _wanted(chain: Chain, at: Position) -> bool:
    gaps = ((after.order[0] if after else -1, last.order[0]) for after, last in chain.gaps)
    return not past(chain, at) and not any(a < at.order[0] <= z for a, z in gaps)


def _names(chain: Chain, records: list[dict[str, Any]]) -> pa.Array:
    names: list[str] = []
    for record in records:
        sequence = record["SequenceNumber"].rjust(SEQUENCE_DIGITS, "0")
        at = Position(sequence)
        for sub in range(user_records(record["Data"])):
            if chain.checkpoint.covers(Position(at.sequence, sub)):
                names.append(f"{chain.shard}/{sequence}/{sub}")
    return pa.array(names, pa.string())
