"""A worker that stops gives its leases to the workers that go on.

The KCL would wait for its leader to notice: the leases must run out first, and where the
leader itself stopped the others ask for its lock every 30 s only, by a constant of KCL
3.1.3. What is written is what that leader would write: another owner, a higher counter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from config.settings import Settings
from config.site import Site
from kcl_app.leadership import BRIEF
from kcl_app.run_folder import worker_id

LATE_S = 1.5
"""How late a worker's report may be. The KCL's leader waits for two reports; a lease that is
handed to a dead worker must run out like any other, so doubt keeps it from being chosen."""


def metrics_table(application: str) -> str:
    """The table in which every worker of the application reports itself."""
    return f"{application}-WorkerMetricStats"


def hand_over(site: Site, now: Callable[[], float]) -> dict[str, str]:
    """Assign every lease of this worker to another; the new owner by shard.

    Nothing moves where no other worker lives or has room: the next start of this one then
    goes on at once. This worker's own report goes, so that nobody hands it a lease. ``now``
    gives seconds since 1970. Call it only while no JVM of this worker's name lives. Raises
    botocore's errors.
    """
    settings, dynamodb = site.settings, site.client("dynamodb", **BRIEF)
    me, table = worker_id(settings), settings.application.name
    _sign_off(dynamodb, metrics_table(table), me)
    owners = {
        item["leaseKey"]["S"]: item.get("leaseOwner", {}).get("S")
        for item in _items(dynamodb, table)
        if item["checkpoint"]["S"] != "SHARD_END"
    }
    mine = sorted(shard for shard, owner in owners.items() if owner == me)
    if not mine:
        return {}
    others = _alive(dynamodb, settings, now()) - {me}
    chosen = shared(mine, owners, others, settings.worker.max_shards)
    return {shard: to for shard, to in chosen.items() if _assign(dynamodb, table, shard, me, to)}


def shared(
    shards: Sequence[str], owners: Mapping[str, str | None], others: set[str], room: int
) -> dict[str, str]:
    """A new owner for each of ``shards``: always who has fewest, at most ``room`` each."""
    load = Counter(dict.fromkeys(others, 0))
    load.update(owner for owner in owners.values() if owner in others)
    chosen = {}
    for shard in shards:
        to = min(load, key=lambda worker: (load[worker], worker), default=None)
        if to is None or load[to] >= room:
            break
        load[to] += 1
        chosen[shard] = to
    return chosen


def _alive(dynamodb: Any, settings: Settings, now: float) -> set[str]:
    """Workers whose last report is not overdue."""
    since = now - settings.worker.failover_ms / 1000 - LATE_S
    items = _items(dynamodb, metrics_table(settings.application.name))
    return {item["wid"]["S"] for item in items if float(item["lut"]["N"]) >= since}


def _sign_off(dynamodb: Any, table: str, me: str) -> None:
    with suppress(dynamodb.exceptions.ResourceNotFoundException):  # before the KCL's first start
        dynamodb.delete_item(TableName=table, Key={"wid": {"S": me}})


def _assign(dynamodb: Any, table: str, shard: str, me: str, to: str) -> bool:
    """False where the lease is no longer ours."""
    try:
        dynamodb.update_item(
            TableName=table,
            Key={"leaseKey": {"S": shard}},
            UpdateExpression="SET leaseOwner = :to REMOVE checkpointOwner "
            "ADD leaseCounter :one, ownerSwitchesSinceCheckpoint :one",
            ConditionExpression="leaseOwner = :me",
            ExpressionAttributeValues={":to": {"S": to}, ":me": {"S": me}, ":one": {"N": "1"}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _items(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    """All items; none where the KCL has not made its table yet."""
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    try:
        return [item for page in pages for item in page["Items"]]
    except dynamodb.exceptions.ResourceNotFoundException:
        return []
