"""Alerts: grave anomalies, published to an SNS topic. What only informs comes last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import batched
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from kcl_app.core.contract import Batch, Refused, Retry, Sink, When
from sinks.alerts import SEVERITIES, Alert, alerts
from sinks.aws import HOT_TIMEOUT_S, later
from sinks.ledger import Ledger

MOST = 10
"""Messages a PublishBatch. Ten alerts stay far below its 256 KB: reasons are cut short."""


@dataclass
class SnsSink(Sink):
    """Publishes anomalies of at least ``severity``, once per (symbol, kind) and cool-down.

    Settings, where they differ from those of settings.alerts: ``topic``, ``table``,
    ``severity``, ``cooldown_seconds`` (event time; 0 lets every alert through).
    ``max_age_seconds`` drops alerts whose record waited longer than that in the
    stream: whoever catches up after a night may not want to wake people. By default
    nothing is dropped. Age is judged where an alert is decided, from the arrival,
    and only grows; so a replay cannot revive what was dropped. What is dropped is
    still a row of the table anomalies.
    """

    topic: str = ""
    table: str = ""
    severity: str = ""
    cooldown_seconds: float | None = None
    max_age_seconds: float = 0
    when: ClassVar[When] = "batch"
    guarantee: ClassVar[str] = (
        "at least once, and once in every case but a crash between publishing and its mark: what "
        "is found pending then is published again"
    )
    clock: Callable[[], datetime] = field(
        default=partial(datetime.now, UTC), init=False, repr=False
    )

    def __post_init__(self) -> None:
        if self.severity and self.severity not in SEVERITIES:
            raise ValueError(f"severity = {self.severity!r} is not one of {', '.join(SEVERITIES)}")
        for name in ("cooldown_seconds", "max_age_seconds"):
            if (getattr(self, name) or 0) < 0:
                raise ValueError(f"{name} = {getattr(self, name)} must not be negative")

    def open(self) -> None:
        """See that topic and table are there."""
        settings = self.site.settings.alerts
        seconds = self.cooldown_seconds
        cooldown = settings.cooldown_seconds if seconds is None else seconds
        self._severity = self.severity or settings.severity
        table = self.table or settings.table
        self._sns = self.site.client("sns", read_timeout=HOT_TIMEOUT_S)
        dynamodb = self.site.client("dynamodb", read_timeout=HOT_TIMEOUT_S)
        self._arn = _arn(self.site, self.topic or settings.topic)
        _seen(f"topic {self._arn}", lambda: self._sns.get_topic_attributes(TopicArn=self._arn))
        _seen(f"table {table}", lambda: dynamodb.describe_table(TableName=table))
        self._ledger = Ledger(dynamodb, table, timedelta(seconds=cooldown))

    def write(self, batch: Batch) -> None:
        """Raises Retry where SNS or the table is busy, Refused for what SNS won't ever take."""
        found = [
            alert
            for alert in alerts(batch.table("anomalies"), self._severity)
            if not alert.late(self.clock(), timedelta(seconds=self.max_age_seconds))
        ]
        refused: dict[int, str] = {}
        for some in batched(self._ledger.due(found) if found else (), MOST):
            refused |= self._publish(some)
        if refused:
            raise Refused(refused, "anomalies")

    def _publish(self, some: Sequence[Alert]) -> dict[int, str]:
        """Publish and mark. Refused rows are given back once all others are marked."""
        by_id = {alert.id: alert for alert in some}
        with later(1.0):
            answer = self._sns.publish_batch(
                TopicArn=self._arn,
                PublishBatchRequestEntries=[_entry(alert) for alert in some],
            )
        for sent in answer.get("Successful", ()):
            self._ledger.done(by_id[sent["Id"]], sent["MessageId"])
        failed = answer.get("Failed", ())
        busy = [failure for failure in failed if not failure["SenderFault"]]
        if busy:
            raise Retry(1.0, f"SNS: {len(busy)} of {len(some)} alerts: {_said(busy[0])}")
        return {by_id[failure["Id"]].row: f"SNS: {_said(failure)}" for failure in failed}


def _entry(alert: Alert) -> dict[str, Any]:
    named = ("symbol", "kind", "severity")
    return {
        "Id": alert.id,
        "Subject": alert.subject,
        "Message": alert.message,
        "MessageStructure": "json",
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": getattr(alert, name)} for name in named
        },
    }


def _said(failure: dict[str, Any]) -> str:
    return f"{failure['Code']} {failure.get('Message', '')}".strip()


def _arn(site: Any, topic: str) -> str:
    """Made, not asked for: listing topics would need a permission more."""
    if topic.startswith("arn:"):
        return topic
    region = site.settings.region
    partition = site.session.get_partition_for_region(region)
    return f"arn:{partition}:sns:{region}:{site.account}:{topic}"


def _seen(what: str, look: Callable[[], object]) -> None:
    try:
        look()
    except ClientError as error:
        raise RuntimeError(f"{what} cannot be used ({error}); tapeline apply makes it") from error
