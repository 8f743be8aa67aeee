"""The demo's queue of alerts, and which injected anomalies carry a flag."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from athena.answer import Answer, Stats
from athena.parameters import Value
from config.site import Site
from deploy.demo import injected, malformed
from deploy.demo.inbox import Inbox
from deploy.demo.injected import Injected, Kind
from glue.topic import topic_arn
from kcl_app.wiring import decoder
from producer.synthetic import SyntheticSource
from tests.core.tape import records


def test_an_alert_that_comes_twice_is_one_alert_received_again(provisioned: Site) -> None:
    inbox = Inbox(provisioned, f"{provisioned.settings.alerts.topic}-queue")
    inbox.open()
    for number in (1, 2, 2):
        alert = json.dumps({"id": str(number), "kind": "change"})
        provisioned.client("sns").publish(TopicArn=topic_arn(provisioned), Message=alert)
    inbox.empty()
    assert (inbox.received, inbox.again, inbox.by_kind["change"]) == (2, 1, 2)


def test_every_malformed_record_is_refused_for_a_reason_of_its_own(site: Site) -> None:
    decoded = decoder(site.settings).decode(records(malformed.RECORDS))
    assert decoded.ticks.size == 0
    assert decoded.rejects["data"].tolist() == list(malformed.RECORDS)
    assert len(set(decoded.rejects["reason"])) == len(malformed.RECORDS)


def at(minute: int) -> datetime:
    return datetime(2025, 1, 6, 15, minute, tzinfo=UTC)


class Flags:
    """An engine whose lake has one flag, on A at 15:10."""

    def answer(self, sql: str, params: Mapping[str, Value]) -> Answer:
        flags = {"symbol": ["A"], "timestamp": [at(10).replace(tzinfo=None)]}
        return Answer(pa.table(flags), Stats("none", 0.0, 0))

    def explain(self, sql: str) -> str:
        return sql


def test_an_anomaly_is_flagged_from_its_first_to_its_last_tick() -> None:
    anomalies = [
        Injected("A", at(10), at(10), "spike"),
        Injected("A", at(5), at(10), "drift"),
        Injected("A", at(11), at(20), "drift"),
        Injected("A", at(1), at(9), "drift"),
        Injected("B", at(10), at(10), "spike"),
    ]
    assert injected.found(Flags(), anomalies) == [Kind("drift", 3, 1), Kind("spike", 2, 1)]


def test_the_truth_of_the_made_up_market_is_read_as_it_wrote_it(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    source = SyntheticSource(symbols=3, records=900, anomalies=3.0, truth=str(truth))
    times = [time for batch in source.batches() for time in batch.times.tolist()]
    found = injected.read(truth)
    assert found
    assert all(times[0] <= a.start.timestamp() * 1e6 <= times[-1] for a in found)
    assert all(a.start <= a.end for a in found)
