"""A queue that subscribes to the alerts, as a pager or a trading desk would."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from config.site import Site
from glue.topic import topic_arn
from sinks.ledger import DONE

NAME = "tapeline-demo-alerts"
KEPT = 100
"""Alerts whose text is kept; all are counted."""


@dataclass
class Inbox:
    """``open`` before the worker starts: a topic remembers nothing for late subscribers."""

    site: Site
    name: str = NAME
    alerts: list[dict[str, Any]] = field(default_factory=list)
    by_kind: Counter[str] = field(default_factory=Counter)
    _ids: Counter[str] = field(default_factory=Counter)

    def open(self) -> None:
        """Make the queue, let the topic send to it, subscribe it."""
        self._sqs = self.site.client("sqs")
        topic = topic_arn(self.site)
        self._url = self._sqs.create_queue(QueueName=self.name)["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        queue = asked["Attributes"]["QueueArn"]
        self._sqs.set_queue_attributes(
            QueueUrl=self._url, Attributes={"Policy": json.dumps(_policy(queue, topic))}
        )
        self.site.client("sns").subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=queue,
            Attributes={"RawMessageDelivery": "true"},
        )

    @property
    def received(self) -> int:
        """Alerts received, each counted once."""
        return len(self._ids)

    @property
    def again(self) -> int:
        """Deliveries of an alert that was here already."""
        return self._ids.total() - len(self._ids)

    def empty(self) -> None:
        """Receive all that waits."""
        while messages := self._receive():
            for message in messages:
                self._take(json.loads(message["Body"]))
            self._sqs.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )

    def published(self) -> int:
        """Alerts that SNS has taken, by the worker's own books."""
        pages = (
            self.site.client("dynamodb")
            .get_paginator("scan")
            .paginate(
                TableName=self.site.settings.alerts.table,
                ConsistentRead=True,
                FilterExpression="#state = :done",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":done": {"S": DONE}},
                Select="COUNT",
            )
        )
        return sum(int(page["Count"]) for page in pages)

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
        return list(answer.get("Messages", ()))

    def _take(self, alert: dict[str, Any]) -> None:
        self._ids[alert["id"]] += 1
        if self._ids[alert["id"]] == 1:
            self.by_kind[alert["kind"]] += 1
            if len(self.alerts) < KEPT:
                self.alerts.append(alert)


def _policy(queue: str, topic: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ],
    }
