"""The KCL's leader lock, given back for a JVM of ours that died with it.

The leader hands out leases; its lock in the coordinator table stands for two minutes
after its last sign, by a constant of KCL 3.1.3, and the KCL does not know its own again.
Until then new shards have no owner and a new worker gets none. Whoever holds the
worker's name (``worker_lock``) knows that no JVM of that name lives, so its lock is
nobody's.
"""

from __future__ import annotations

import logging

from botocore.exceptions import BotoCoreError, ClientError

from config.site import Site
from kcl_app.run_folder import worker_id

log = logging.getLogger("tapeline.worker")

BRIEF = {
    "connect_timeout": 2,
    "read_timeout": 5,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}
"""For calls between two runs of the JVM: the next start must not wait for a slow table."""
LEADER = {"key": {"S": "Leader"}}
_NOBODYS = {"ResourceNotFoundException", "ConditionalCheckFailedException"}


def coordinator_table(application: str) -> str:
    """The table in which the KCL keeps its leader lock."""
    return f"{application}-CoordinatorState"


def give_back(site: Site) -> bool:
    """Delete the leader lock where its owner is this worker. True where it was.

    Call it only while no JVM of this worker's name lives. A call that fails is logged and
    costs the two minutes, no more: the worker starts without it.
    """
    settings = site.settings
    dynamodb = site.client("dynamodb", **BRIEF)
    try:
        dynamodb.delete_item(
            TableName=coordinator_table(settings.application.name),
            Key=LEADER,
            ConditionExpression="ownerName = :me",
            ExpressionAttributeValues={":me": {"S": worker_id(settings)}},
        )
    except ClientError as refused:
        if refused.response["Error"]["Code"] not in _NOBODYS:
            _say(refused)
        return False
    except BotoCoreError as failed:
        _say(failed)
        return False
    return True


def _say(why: Exception) -> None:
    log.warning("the leader lock was not given back, new leases may wait two minutes: %s", why)
