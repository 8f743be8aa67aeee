"""The first leases, written by us: a local stream is read 20 to 30 s sooner.

Over an empty lease table the KCL waits a random time, up to 30 s, so that many workers
do not list the shards at once. Where the leases stand and carry our worker id it
renews them at its start. Columns, table and index are those that KCL 3.1.3 makes
itself; a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from config.site import Site
from kcl_app.run_folder import worker_id

OWNER_INDEX = "LeaseOwnerToLeaseKeyIndex"


class SeedRefused(Exception):
    """Leases are written by the KCL alone, but for a local AWS."""


def seed_leases(site: Site) -> int:
    """Write a lease for every shard open at TRIM_HORIZON, owned by this worker.

    Returns how many; 0 where the table holds any lease already: it is then left as it
    is. Raises SeedRefused where the settings name no local endpoint.
    """
    settings = site.settings
    if not settings.local:
        raise SeedRefused("--seed-leases is for a local AWS; set endpoint_url, or leave it out")
    table, dynamodb = settings.application.name, site.client("dynamodb")
    _make_table(dynamodb, table)
    if dynamodb.scan(TableName=table, Limit=1, ConsistentRead=True)["Items"]:
        return 0
    leases = [lease(shard, worker_id(settings)) for shard in _shards(site)]
    for item in leases:
        dynamodb.put_item(
            TableName=table, Item=item, ConditionExpression="attribute_not_exists(leaseKey)"
        )
    return len(leases)


def lease(shard: Mapping[str, Any], owner: str) -> dict[str, Any]:
    """A lease as the KCL writes it, from a shard as ListShards gives it."""
    parents = [shard[key] for key in ("ParentShardId", "AdjacentParentShardId") if shard.get(key)]
    hashes = shard["HashKeyRange"]
    return {
        "leaseKey": {"S": shard["ShardId"]},
        "leaseOwner": {"S": owner},
        "leaseCounter": {"N": "0"},
        "ownerSwitchesSinceCheckpoint": {"N": "0"},
        "checkpoint": {"S": "TRIM_HORIZON"},
        "checkpointSubSequenceNumber": {"N": "0"},
        "startingHashKey": {"S": hashes["StartingHashKey"]},
        "endingHashKey": {"S": hashes["EndingHashKey"]},
        **({"parentShardId": {"SS": parents}} if parents else {}),
    }


def _make_table(dynamodb: Any, table: str) -> None:
    """Make the lease table where there is none, and wait for it."""
    with suppress(dynamodb.exceptions.ResourceInUseException):  # the KCL's, or ours of before
        dynamodb.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", **_schema())
    dynamodb.get_waiter("table_exists").wait(
        TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )


def _schema() -> dict[str, Any]:
    return {
        "AttributeDefinitions": [
            {"AttributeName": "leaseKey", "AttributeType": "S"},
            {"AttributeName": "leaseOwner", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": OWNER_INDEX,
                "KeySchema": [
                    {"AttributeName": "leaseOwner", "KeyType": "HASH"},
                    {"AttributeName": "leaseKey", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    }


def _shards(site: Site) -> list[dict[str, Any]]:
    """The shards that the KCL would begin with: those open at TRIM_HORIZON."""
    kinesis = site.client("kinesis")
    asked: dict[str, Any] = {
        "StreamName": site.settings.stream.name,
        "ShardFilter": {"Type": "AT_TRIM_HORIZON"},
    }
    shards: list[dict[str, Any]] = []
    while True:
        page = kinesis.list_shards(**asked)
        shards += page["Shards"]
        if not page.get("NextToken"):
            return shards
        asked = {"NextToken": page["NextToken"]}
