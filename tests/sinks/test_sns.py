from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from config.site import Site
from kcl_app.core.contract import Refused, Retry, Sink
from sinks.alerts import alerts
from sinks.samples import anomaly, hot, table
from sinks.sns import SnsSink
from sinks.testing import SinkContract
from tests.sinks.fakes import error, script, watch


def sink_of(site: Site, **settings: Any) -> SnsSink:
    sink = SnsSink(**settings)
    sink.site = site
    return sink


def opened(site: Site, **settings: Any) -> SnsSink:
    sink = sink_of(site, **settings)
    sink.open()
    return sink


class Inbox:
    """A queue subscribed to the topic. ``received`` grows as it is asked."""

    def __init__(self, site: Site) -> None:
        self._sqs = site.client("sqs")
        name = site.settings.alerts.topic
        self._url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        asked = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        topic = site.client("sns").create_topic(Name=name)["TopicArn"]
        site.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=asked["Attributes"]["QueueArn"]
        )
        self._received: list[dict[str, Any]] = []

    @property
    def received(self) -> list[dict[str, Any]]:
        """SNS envelopes, in the order of arrival."""
        while some := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in some:
                self._received.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return self._received

    @property
    def documents(self) -> list[dict[str, Any]]:
        return [json.loads(envelope["Message"]) for envelope in self.received]

    @property
    def positions(self) -> list[int]:
        """Which anomalies arrived, by the number they were made with."""
        return [int(document["price"] * 100 - 10_000 + 0.5) for document in self.documents]


@pytest.fixture
def inbox(alerts: Site) -> Inbox:
    return Inbox(alerts)


class TestSnsSink(SinkContract):
    @pytest.fixture(autouse=True)
    def storage(self, alerts: Site, inbox: Inbox) -> None:
        self.site, self.inbox = alerts, inbox

    def make(self) -> Sink:
        return sink_of(self.site)

    def read(self) -> Iterable[Any]:
        return self.inbox.documents


def test_only_what_is_grave_enough_is_published(alerts: Site, inbox: Inbox) -> None:
    flags = [anomaly(n, severity=s, symbol=s) for n, s in enumerate(("low", "medium", "high"))]
    opened(alerts).write(hot(anomalies=flags))
    assert inbox.positions == [2]
    opened(alerts, severity="medium").write(hot(anomalies=flags))
    assert inbox.positions == [2, 1]


def test_subscribers_can_filter_by_symbol_kind_and_severity(alerts: Site, inbox: Inbox) -> None:
    opened(alerts).write(hot(anomalies=[anomaly(1)]))
    attributes = inbox.received[0]["MessageAttributes"]
    assert {name: attribute["Value"] for name, attribute in attributes.items()} == {
        "symbol": "FB",
        "kind": "z_score",
        "severity": "high",
    }


def test_a_machine_reads_json_whose_first_line_is_a_sentence(alerts: Site, inbox: Inbox) -> None:
    opened(alerts).write(hot(anomalies=[anomaly(1)]))
    (document,) = inbox.documents
    assert document["message"] == (
        "FB: far from its mean (z_score, severity high, price 100.01, 2025-01-31 14:30:01 UTC)"
    )
    assert document["timestamp"] == "2025-01-31T14:30:01+00:00"


def test_a_telephone_gets_the_sentence_and_a_mailbox_sentence_and_json() -> None:
    (alert,) = alerts_of(anomaly(1))
    by_protocol = json.loads(alert.message)
    assert by_protocol["sms"] == alert.sentence
    sentence, document = by_protocol["email"].split("\n\n", 1)
    assert sentence == alert.sentence
    assert json.loads(document) == json.loads(by_protocol["default"])


def test_a_subject_keeps_to_what_sns_takes() -> None:
    (alert,) = alerts_of(anomaly(1, symbol="三菱\n" + "x" * 200))
    assert alert.subject.startswith("[high] z_score on ???xxx")
    assert len(alert.subject) < 100


def test_a_second_flag_within_the_cool_down_is_suppressed(alerts: Site, inbox: Inbox) -> None:
    """seconds:  0 . . . . 5 . . . . 10     cool-down 10
    flags:      A         B          C      A and C are published"""
    opened(alerts, cooldown_seconds=10).write(hot(anomalies=[anomaly(n) for n in (0, 5, 10)]))
    assert inbox.positions == [0, 10]


def test_each_symbol_and_kind_cools_down_by_itself(alerts: Site, inbox: Inbox) -> None:
    flags = [anomaly(1), anomaly(2, kind="change"), anomaly(3, symbol="AMD"), anomaly(4)]
    opened(alerts).write(hot(anomalies=flags))
    assert inbox.positions == [1, 2, 3]


def test_a_replay_neither_publishes_again_nor_lets_a_suppressed_one_through(
    alerts: Site, inbox: Inbox
) -> None:
    """After C was let through, B is no longer near A: it must stay suppressed all the same."""
    flags = [anomaly(n) for n in (0, 5, 10, 15, 25)]
    opened(alerts, cooldown_seconds=10).write(hot(anomalies=flags))
    again = opened(alerts, cooldown_seconds=10)
    for flag in flags:
        again.write(hot(anomalies=[flag]))
    again.write(hot(anomalies=flags))
    assert inbox.positions == [0, 10, 25]


def test_one_flag_in_the_far_future_does_not_silence_its_symbol(alerts: Site, inbox: Inbox) -> None:
    far = anomaly(2, timestamp=anomaly(2)["timestamp"] + timedelta(days=20_000))
    opened(alerts).write(hot(anomalies=[anomaly(1), far, anomaly(3)]))
    assert inbox.positions == [1, 2, 3]


def test_a_pending_alert_is_published_after_a_crash_before_publishing(
    alerts: Site, inbox: Inbox
) -> None:
    sink = opened(alerts)
    script(sink._sns, "sns.PublishBatch", [error("AuthorizationError", 403)])
    with pytest.raises(ClientError):
        sink.write(hot(anomalies=[anomaly(1)]))
    assert inbox.positions == []
    opened(alerts).write(hot(anomalies=[anomaly(1)]))
    assert inbox.positions == [1]


def test_a_crash_between_publishing_and_its_mark_publishes_twice_and_never_thrice(
    alerts: Site, inbox: Inbox
) -> None:
    sink = opened(alerts)
    script(sink._ledger.client, "dynamodb.UpdateItem", [error("AccessDeniedException")])
    with pytest.raises(ClientError):
        sink.write(hot(anomalies=[anomaly(1)]))
    for _ in range(2):
        opened(alerts).write(hot(anomalies=[anomaly(1)]))
    assert inbox.positions == [1, 1]


def test_two_workers_with_one_shard_publish_once(alerts: Site, inbox: Inbox) -> None:
    """The second decided by what it read before the first one wrote."""
    first, second = opened(alerts), opened(alerts)
    batch = hot(anomalies=[anomaly(1)])
    raced: list[bool] = []

    def race(params: dict[str, Any]) -> None:
        if not raced:
            raced.append(True)
            first.write(batch)

    watch(copied(second), "dynamodb.TransactWriteItems", race)
    second.write(batch)
    assert inbox.positions == [1]


def test_a_worker_that_fell_behind_lets_nothing_through_that_another_suppressed(
    alerts: Site, inbox: Inbox
) -> None:
    """It had read the table before the other worker passed by."""
    ahead, behind = (opened(alerts, cooldown_seconds=10) for _ in range(2))
    raced: list[bool] = []

    def race(params: dict[str, Any]) -> None:
        if not raced:
            raced.append(True)
            ahead.write(hot(anomalies=[anomaly(0), anomaly(5), anomaly(100)]))

    ledger = copied(behind)
    watch(ledger, "dynamodb.TransactWriteItems", race)
    behind.write(hot(anomalies=[anomaly(5)]))
    assert inbox.positions == [0, 100]


def test_a_parent_shards_zombie_publishes_nothing_again_after_its_child_went_on(
    alerts: Site, inbox: Inbox
) -> None:
    opened(alerts).write(hot(anomalies=[anomaly(1)]))
    opened(alerts).write(hot(anomalies=[anomaly(2_000, shard="shardId-000000000007")]))
    opened(alerts).write(hot(anomalies=[anomaly(1)]))
    assert inbox.positions == [1, 2_000]


def test_a_child_shard_goes_on_with_the_cool_down_of_its_parent(alerts: Site, inbox: Inbox) -> None:
    opened(alerts, cooldown_seconds=10).write(hot(anomalies=[anomaly(1)]))
    child = {"shard": "shardId-000000000007"}
    flags = [anomaly(5, **child), anomaly(12, **child), anomaly(13, **child)]
    for _ in range(2):
        opened(alerts, cooldown_seconds=10).write(hot(anomalies=flags))
    assert inbox.positions == [1, 12]


def test_many_alerts_go_ten_at_a_time(alerts: Site, inbox: Inbox) -> None:
    sizes: list[int] = []
    sink = opened(alerts)
    watch(
        sink._sns, "sns.PublishBatch", lambda p: sizes.append(len(p["PublishBatchRequestEntries"]))
    )
    sink.write(hot(anomalies=[anomaly(n, symbol=f"S{n}") for n in range(23)]))
    assert sizes == [10, 10, 3]
    assert sorted(inbox.positions) == list(range(23))


def test_what_sns_could_not_take_now_is_offered_again(alerts: Site, inbox: Inbox) -> None:
    flags = [anomaly(1, symbol="A"), anomaly(2, symbol="B")]
    sink = opened(alerts)
    script(sink._sns, "sns.PublishBatch", [_half(flags, sender_fault=False)])
    with pytest.raises(Retry, match="1 of 2 alerts"):
        sink.write(hot(anomalies=flags))
    sink.write(hot(anomalies=flags))
    assert inbox.positions == [2]


def test_what_sns_will_never_take_is_refused_by_its_row(alerts: Site) -> None:
    flags = [anomaly(0, severity="low"), anomaly(1, symbol="A"), anomaly(2, symbol="B")]
    sink = opened(alerts)
    script(sink._sns, "sns.PublishBatch", [_half(flags[1:], sender_fault=True)])
    with pytest.raises(Refused) as refused:
        sink.write(hot(anomalies=flags))
    assert refused.value.table == "anomalies"
    assert list(refused.value.rows) == [2]


def _half(flags: list[dict[str, Any]], sender_fault: bool) -> tuple[int, dict[str, Any]]:
    """SNS took the first of two."""
    first, second = alerts_of(*flags)
    taken = {"Id": first.id, "MessageId": "m-1"}
    failed = {"Id": second.id, "Code": "Some", "Message": "reason", "SenderFault": sender_fault}
    return 200, {"Successful": [taken], "Failed": [failed]}


def test_nothing_is_too_old_by_default(alerts: Site, inbox: Inbox) -> None:
    opened(alerts).write(hot(anomalies=[anomaly(1)]))
    assert inbox.positions == [1]


def test_what_waited_too_long_in_the_stream_is_dropped_and_does_not_cool_down(
    alerts: Site, inbox: Inbox
) -> None:
    sink = opened(alerts, max_age_seconds=60)
    sink.clock = lambda: anomaly(70)["arrival"]
    sink.write(hot(anomalies=[anomaly(1), anomaly(20)]))
    assert inbox.positions == [20]


def test_an_alert_is_named_by_symbol_time_kind_and_position() -> None:
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"symbol": "AMD"},
        {"kind": "change"},
        {"line": 1},
        {"timestamp": anomaly(9)["timestamp"]},
    )
    names = [alerts_of(anomaly(1, **change))[0].id for change in changes]
    assert len(set(names)) == len(changes)
    assert names[0] == alerts_of(anomaly(1, reason="told otherwise", score=1.0))[0].id


def test_a_missing_topic_or_table_is_said_with_its_remedy(site: Site, alerts: Site) -> None:
    with pytest.raises(RuntimeError, match=r"topic .*:nowhere cannot be used.*tapeline apply"):
        opened(alerts, topic="nowhere")
    with pytest.raises(RuntimeError, match=r"table nowhere cannot be used.*tapeline apply"):
        opened(alerts, table="nowhere")


@pytest.mark.parametrize("settings", [{"severity": "grave"}, {"cooldown_seconds": -1.0}])
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        SnsSink(**settings)


def copied(sink: SnsSink) -> Any:
    """The sink's table client, made its own: what watches it shall not see other sinks."""
    sink._ledger.client = Site(sink.site.settings).client("dynamodb")
    return sink._ledger.client


def alerts_of(*flags: dict[str, Any]) -> list[Any]:
    return list(alerts(table("anomalies", flags), "low"))
