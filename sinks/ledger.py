"""Which alerts were decided, and which are out: the alert table.

Two kinds of items, both by ``id``:

- an alert: ``pending`` when it is decided, ``done`` when SNS has it. Between the
  two it is published, and there alone a crash can publish it twice.
- a *last* item per (symbol, kind): event time, shard and position of the last alert
  that was let through. It carries the cool-down.

Rules, which make a replay decide as the first reading did:
1. Alerts of one (symbol, kind) come in stream order, again and again.
2. In the last one's shard, at or before its position, all is decided: what has no
   item of its own was suppressed, and stays so.
3. Otherwise an alert within the cool-down of the last one's event time, to either
   side, is suppressed, without a write; any other is let through.
4. Letting through is one transaction: the alert's item is made and the last item
   moves from what was read, or nothing happens and all is read again.

Positions of two shards are not compared: where a symbol has moved to a child shard,
a doubtful alert comes twice rather than never.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched
from typing import Any

from botocore.exceptions import ClientError

from kcl_app.core.contract import Retry
from sinks.alerts import Alert
from sinks.aws import code, later

PENDING, DONE = "pending", "done"
READS = 100
"""Keys a BatchGetItem."""
ATTEMPTS = 5
Item = dict[str, dict[str, str]]


@dataclass(frozen=True)
class Last:
    """The last alert of a (symbol, kind) that was let through."""

    at: datetime
    shard: str
    position: str

    def covers(self, alert: Alert) -> bool:
        """True where the alert was decided before this one."""
        return alert.shard == self.shard and alert.position <= self.position


@dataclass
class Ledger:
    """The alert table of one deployment. ``cooldown`` is by event time."""

    client: Any
    table: str
    cooldown: timedelta

    def due(self, found: Sequence[Alert]) -> list[Alert]:
        """Those to publish now: let through just now, or still pending from before."""
        lasts = self._lasts(found)
        passed = [alert for alert in found if _covered(alert, lasts)]
        states = self._states(passed)
        due = {alert.id: alert for alert in passed if states.get(alert.id) == PENDING}
        for alert in [alert for alert in found if not _covered(alert, lasts)]:
            if self._let_through(alert, lasts):
                due[alert.id] = alert
        return list(due.values())

    def done(self, alert: Alert, message_id: str) -> None:
        """SNS has it: it is never published again."""
        with later(1.0):
            self.client.update_item(
                TableName=self.table,
                Key={"id": {"S": alert.id}},
                UpdateExpression="SET #state = :done, message_id = :message",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":done": {"S": DONE}, ":message": {"S": message_id}},
            )

    def _let_through(self, alert: Alert, lasts: dict[str, Last]) -> bool:
        """Decide; ``lasts`` moves with it. True where the alert is to be published."""
        for _ in range(ATTEMPTS):
            last = lasts.get(last_id(alert))
            if last and not last.covers(alert) and abs(alert.at - last.at) < self.cooldown:
                return False
            if not _covered(alert, lasts) and self._moved(alert, last):
                lasts[last_id(alert)] = Last(alert.at, alert.shard, alert.position)
                return True
            lasts.update(self._lasts([alert]))
            state = self._states([alert]).get(alert.id)
            if state or _covered(alert, lasts):
                return state == PENDING
        raise Retry(1.0, f"table {self.table}: another worker decides the same alerts")

    def _moved(self, alert: Alert, last: Last | None) -> bool:
        """False where the last item is no longer what was read."""
        with later(1.0):
            try:
                self.client.transact_write_items(TransactItems=self._decision(alert, last))
            except ClientError as error:
                if code(error) != "TransactionCanceledException":
                    raise
                return False
        return True

    def _decision(self, alert: Alert, last: Last | None) -> list[dict[str, Any]]:
        absent = {"ConditionExpression": "attribute_not_exists(id)"}
        unmoved = {
            "ConditionExpression": "#shard = :shard AND #position = :position",
            "ExpressionAttributeNames": {"#shard": "shard", "#position": "position"},
            "ExpressionAttributeValues": {
                ":shard": {"S": last.shard if last else ""},
                ":position": {"S": last.position if last else ""},
            },
        }
        decided = {"TableName": self.table, "Item": _item(alert.id, alert, state=PENDING)}
        moving = {"TableName": self.table, "Item": _item(last_id(alert), alert)}
        return [{"Put": decided | absent}, {"Put": moving | (unmoved if last else absent)}]

    def _lasts(self, found: Iterable[Alert]) -> dict[str, Last]:
        items = self._read({last_id(alert) for alert in found})
        return {
            item["id"]["S"]: Last(
                datetime.fromisoformat(item["timestamp"]["S"]),
                item["shard"]["S"],
                item["position"]["S"],
            )
            for item in items
        }

    def _states(self, found: Iterable[Alert]) -> dict[str, str]:
        items = self._read({alert.id for alert in found})
        return {item["id"]["S"]: item["state"]["S"] for item in items}

    def _read(self, ids: Iterable[str]) -> Iterator[Item]:
        for some in batched(sorted(ids), READS):
            keys = [{"id": {"S": one}} for one in some]
            while keys:
                with later(1.0):
                    asked = {self.table: {"Keys": keys, "ConsistentRead": True}}
                    answer = self.client.batch_get_item(RequestItems=asked)
                yield from answer["Responses"].get(self.table, ())
                left = answer["UnprocessedKeys"].get(self.table, {}).get("Keys", [])
                if len(left) == len(keys):
                    raise Retry(1.0, f"table {self.table} is throttled")
                keys = left


def _covered(alert: Alert, lasts: Mapping[str, Last]) -> bool:
    last = lasts.get(last_id(alert))
    return last is not None and last.covers(alert)


def last_id(alert: Alert) -> str:
    """No alert's id has a ``#``."""
    return f"last#{alert.kind}#{alert.symbol}"


def _item(name: str, alert: Alert, **more: str) -> Item:
    texts = {
        "id": name,
        "symbol": alert.symbol,
        "kind": alert.kind,
        "severity": alert.severity,
        "timestamp": alert.at.isoformat(),
        "shard": alert.shard,
        "position": alert.position,
        **more,
    }
    return {key: {"S": text} for key, text in texts.items()}
