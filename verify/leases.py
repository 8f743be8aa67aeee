"""The KCL's lease table, read: how far each shard is checkpointed, and its parents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kcl_app.kept_checkpoints import Kept
from verify.chain import Checkpoint
from verify.findings import Finding

LEASE_KINDS = {"", "LEASE"}
"""The KCL may keep other items in the same table; those say what they are."""


@dataclass(frozen=True)
class Lease:
    shard: str
    checkpoint: Checkpoint
    parents: frozenset[str] = frozenset()
    owner: str = ""


def read(client: Any, table: str) -> tuple[dict[str, Lease], list[Finding]] | None:
    """Leases by shard, and those that make no sense; None where there is no such table.

    Consistent reads: a checkpoint that was answered is seen.
    """
    leases: dict[str, Lease] = {}
    wrong: list[Finding] = []
    try:
        for item in _items(client, table):
            try:
                lease = parse(item)
            except ValueError as why:
                shard = item.get("leaseKey", {}).get("S", "")
                wrong.append(Finding("lease", f"the lease makes no sense: {why}", shard))
                continue
            if lease is not None:
                leases[lease.shard] = lease
    except client.exceptions.ResourceNotFoundException:
        return None
    return leases, wrong


def kept(shard: str, checkpoint: Kept) -> Lease:
    """The same of a life whose checkpoints are objects of the lake."""
    if checkpoint.ended:
        return Lease(shard, Checkpoint("end"))
    at = checkpoint.position
    return Lease(shard, Checkpoint("position", at) if at else Checkpoint())


def parse(item: Mapping[str, Any]) -> Lease | None:
    """A lease from its DynamoDB item; None for what is no lease. Raises ValueError."""
    kind = item.get("entityType", {}).get("S", "")
    if kind.upper() not in LEASE_KINDS or "leaseKey" not in item or "checkpoint" not in item:
        return None
    sub = int(item.get("checkpointSubSequenceNumber", {}).get("N", "0"))
    return Lease(
        item["leaseKey"]["S"],
        Checkpoint.of(item["checkpoint"]["S"], sub),
        frozenset(item.get("parentShardId", {}).get("SS", ())),
        item.get("leaseOwner", {}).get("S", ""),
    )


def _items(client: Any, table: str) -> Iterator[Mapping[str, Any]]:
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    for page in pages:
        yield from page["Items"]
