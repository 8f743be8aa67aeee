"""Alerts told by the real sink, and every way in which the table and the lake can disagree."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.site import Site
from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord
from kcl_app.core.lake import object_key
from kcl_app.core.schema import TABLES
from kcl_app.fanout import Fanout
from kcl_app.wiring import lake_store
from sinks.samples import anomaly, hot, table
from sinks.sns import SnsSink
from tests.conftest import MakeSite
from tests.sinks.fakes import script
from tests.verify.test_verify_site import SiteLake, run
from tests.verify.true_lake import A, B, C, TrueLake, true_lake
from verify import Report, Scope, report
from verify.alertbook import AlertBook, Stretches
from verify.alertitems import AlertTable
from verify.alertreport import AlertReport
from verify.alertrules import AlertRules, of_site
from verify.alerts import AlertProof
from verify.disk import Disk

TEN_MINUTES = 600


class Told:
    """A true lake of grave anomalies on ``site``, each of them told by the sink as it came."""

    def __init__(
        self, site: Site, lake: TrueLake | None = None, times: int = 1, **fields: Any
    ) -> None:
        self.site = site
        self.lake = lake or true_lake(pending=False, severity="high")
        self.dynamodb, self.table = site.client("dynamodb"), site.settings.alerts.table
        make_table(site)
        placed = SiteLake(site)
        placed.put(self.lake)
        placed.life()
        for record in self.cuts:
            for _ in range(times):
                self.sink = opened(site, **fields)
                self.tell(record)

    @property
    def cuts(self) -> list[CutRecord]:
        """Parents first."""
        return [r for shard in (A, B, C) for r in self.lake.chain(shard) if r.kind == "cut"]

    def anomalies(self, record: CutRecord) -> pa.Table:
        """Of a cut, in the order of the stream."""
        keys = [object_key(record, o) for o in record.objects if o.table == "anomalies"]
        rows = [row for key in keys for row in self.lake.rows(key)]
        return pa.Table.from_pylist(rows, TABLES["anomalies"].arrow).sort_by("sequence")

    def tell(self, record: CutRecord) -> None:
        """As a call of the KCL does."""
        fanout = Fanout({"sns": self.sink}, lake_store(self.site))
        fanout.hot(Batch(record.shard, {"anomalies": self.anomalies(record)}))

    @property
    def items(self) -> list[dict[str, Any]]:
        """The alerts, as the table holds them, in the order of the stream."""
        found = self.dynamodb.scan(TableName=self.table)["Items"]
        alerts = [item for item in found if "state" in item]
        return sorted(alerts, key=lambda item: str(item["position"]["S"]))

    def drop(self, item: Mapping[str, Any]) -> None:
        self.dynamodb.delete_item(TableName=self.table, Key={"id": item["id"]})

    def put(self, item: Mapping[str, Any], **texts: str) -> None:
        changed = {**item, **{name: {"S": text} for name, text in texts.items()}}
        self.dynamodb.put_item(TableName=self.table, Item=changed)

    def proof(self, scope: Scope | None = None) -> tuple[Report, AlertReport]:
        proven = report(self.site, scope)
        (alerts,) = proven.alerts
        return proven, alerts


def opened(site: Site, **fields: Any) -> SnsSink:
    sink = SnsSink(**fields)
    sink.site = site
    sink.open()
    return sink


def make_table(site: Site) -> None:
    site.client("sns").create_topic(Name=site.settings.alerts.topic)
    site.client("dynamodb").create_table(
        TableName=site.settings.alerts.table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )


@pytest.fixture
def cooled(make_site: MakeSite) -> Site:
    """A site whose cool-down is ten minutes."""
    return make_site({"alerts.cooldown_seconds": TEN_MINUTES})


@pytest.fixture
def told(cooled: Site) -> Told:
    return Told(cooled)


def test_what_the_sink_told_is_proven(told: Told) -> None:
    proven, alerts = told.proof()
    assert proven.ok
    assert not proven.findings
    assert alerts.held_back > 0
    assert alerts.done == len(told.items) > 3
    assert alerts.rows == alerts.done + alerts.held_back
    assert alerts.rows == sum(len(told.anomalies(record)) for record in told.cuts)


def test_told_again_after_restarts_it_is_still_proven(cooled: Site) -> None:
    told = Told(cooled, times=3)
    proven, alerts = told.proof()
    assert (proven.counts, alerts.done) == ({}, len(told.items))


def test_the_command_says_it_in_a_line_and_in_json(told: Told) -> None:
    answer = asked(told.site)
    assert answer.exit_code == 0, answer.output
    (line,) = [line for line in answer.stdout.splitlines() if line.startswith("alerts")]
    _, alerts = told.proof()
    assert line == (
        f"alerts of sns in {told.table}: {alerts.rows} of high, {alerts.done} done, "
        f"{alerts.held_back} held back by the cool-down"
    )
    assert json.loads(asked(told.site, "--json").stdout)["alerts"] == [vars(alerts)]


def asked(site: Site, *more: str) -> Any:
    alerts = site.settings.alerts
    pairs = {"alerts.table": alerts.table, "alerts.cooldown_seconds": alerts.cooldown_seconds}
    flags = [word for key, value in pairs.items() for word in ("--set", f"{key}={value}")]
    return run(site, *flags, *more)


# --- damage ------------------------------------------------------------------------

DAMAGES: dict[str, list[Callable[[Told], Mapping[str, Any]]]] = {}
"""By finding. Each damages the table and returns the item that the finding is to name."""


def damage(kind: str) -> Callable[..., Callable[[Told], Mapping[str, Any]]]:
    def register(
        function: Callable[[Told], Mapping[str, Any]],
    ) -> Callable[[Told], Mapping[str, Any]]:
        DAMAGES.setdefault(kind, []).append(function)
        return function

    return register


@damage("unalerted")
def drop_the_first_item(told: Told) -> Mapping[str, Any]:
    return _dropped(told, 0)


@damage("unalerted")
def drop_the_last_item(told: Told) -> Mapping[str, Any]:
    return _dropped(told, -1)


def _dropped(told: Told, which: int) -> Mapping[str, Any]:
    item = told.items[which]
    told.drop(item)
    return item


@damage("false-alert")
def add_a_stranger(told: Told) -> Mapping[str, Any]:
    """Within a cut that is done, of a tick that nobody flagged."""
    first = told.items[0]
    sequence, sub, _ = first["position"]["S"].split("-")
    told.put(first, id=uuid.uuid4().hex, position=f"{sequence}-{sub}-00000007")
    return {**first, "position": {"S": f"{sequence}-{sub}-00000007"}}


@damage("false-alert")
def let_an_item_say_another_symbol(told: Told) -> Mapping[str, Any]:
    told.put(told.items[0], symbol="ZZZ")
    return told.items[0]


@damage("unpublished")
def leave_one_pending(told: Told) -> Mapping[str, Any]:
    told.put(told.items[2], state="pending")
    return told.items[2]


@pytest.mark.parametrize(
    ("kind", "strikes"), [(kind, strikes) for kind in sorted(DAMAGES) for strikes in DAMAGES[kind]]
)
def test_damage_is_found_once_and_explained(
    told: Told, kind: str, strikes: Callable[[Told], Mapping[str, Any]]
) -> None:
    item = strikes(told)
    proven, _ = told.proof()
    assert not proven.ok
    assert proven.counts == {kind: 1}
    (finding,) = proven.findings
    assert finding.shard == item["shard"]["S"]
    sequence, sub, line = (int(part) for part in item["position"]["S"].split("-"))
    assert finding.positions == (f"{sequence}/{sub}/{line}",)
    assert item["symbol"]["S"] in finding.what or kind == "false-alert"
    answer = asked(told.site)
    assert answer.exit_code == 1
    assert f"{kind}: {finding.shard}" in answer.stdout


def test_a_lost_table_is_a_loss_of_every_alert(told: Told) -> None:
    done = len(told.items)
    told.dynamodb.delete_table(TableName=told.table)
    proven, alerts = told.proof()
    assert proven.counts == {"unalerted": done}
    assert (alerts.missing, alerts.done) == (done, 0)


# --- what is no damage -------------------------------------------------------------


def test_an_alert_past_the_checkpoint_is_pending_with_and_without_its_row(cooled: Site) -> None:
    lake = true_lake(stored=tuple(TABLES), severity="high")
    told = Told(cooled, lake)
    (young,) = [r for r in lake.chain(B) if r.after is not None]
    for item in told.items:
        assert young.after is not None
        if item["position"]["S"] > young.after.position.key and item["shard"]["S"] == B:
            told.put(item, state="pending")
    proven, alerts = told.proof()
    assert proven.ok
    assert alerts.pending > 0
    for entry in young.objects:
        if entry.table == "anomalies":
            SiteLake.delete(_bare(told.site), object_key(young, entry))
    proven, alerts = told.proof()
    assert proven.ok
    assert (alerts.pending, alerts.on_the_way > 0) == (0, True)


def _bare(site: Site) -> SiteLake:
    """The lake of a site whose bucket is there."""
    placed = SiteLake.__new__(SiteLake)
    placed.site, placed.s3 = site, site.client("s3")
    return placed


def test_an_item_of_a_record_that_no_cut_holds_yet_is_on_its_way(told: Told) -> None:
    last = told.items[-1]
    later = f"{9_999:056}-{0:010}-{0:08}"
    told.put(last, id=uuid.uuid4().hex, position=later, shard=C)
    proven, alerts = told.proof()
    assert (proven.counts, alerts.on_the_way) == ({}, 1)


def test_items_of_another_life_are_counted_apart(told: Told) -> None:
    told.put(told.items[0], id=uuid.uuid4().hex, shard="shardId-000000000099")
    told.put(told.items[0], id=uuid.uuid4().hex, position=f"{9_999:056}-{0:010}-{0:08}", shard=A)
    proven, alerts = told.proof()
    assert (proven.counts, alerts.elsewhere) == ({}, 2)


def test_items_of_a_lost_object_are_not_called_false(told: Told) -> None:
    key = told.lake.objects("anomalies")[0]
    SiteLake.delete(_bare(told.site), key)
    proven, alerts = told.proof()
    assert proven.counts == {"lost": 1}
    assert alerts.elsewhere > 0


def test_an_item_past_its_life_is_counted_apart(told: Told) -> None:
    told.dynamodb.update_time_to_live(
        TableName=told.table,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
    )
    told.drop(told.items[0])
    proven, alerts = told.proof()
    assert (proven.counts, alerts.expired, alerts.missing) == ({}, 1, 0)


def test_where_old_records_are_dropped_a_missing_item_proves_nothing(make_site: MakeSite) -> None:
    site = make_site({"sinks": [{"use": "sns", "max_age_seconds": 60}]})
    told = Told(site, max_age_seconds=60)
    proven, alerts = told.proof()
    assert not told.items
    assert (proven.counts, alerts.aged) == ({}, alerts.rows)


def test_what_sns_refused_is_a_dead_letter_and_no_loss(cooled: Site) -> None:
    told = Told(cooled)
    (first, *_) = told.items
    told.drop(first)
    _forget_the_last(told, first)
    failed = {"Id": first["id"]["S"], "Code": "InvalidParameter", "SenderFault": True}
    sink = opened(cooled)
    script(sink._sns, "sns.PublishBatch", [(200, {"Successful": [], "Failed": [failed]})])
    told.sink = sink
    told.tell(told.cuts[0])
    assert [item["state"]["S"] for item in told.items].count("pending") == 1
    proven, alerts = told.proof()
    assert (proven.counts, alerts.refused) == ({}, 1)


def _forget_the_last(told: Told, item: Mapping[str, Any]) -> None:
    """So that the sink decides on ``item`` anew."""
    key = f"last#{item['kind']['S']}#{item['symbol']['S']}"
    told.dynamodb.delete_item(TableName=told.table, Key={"id": {"S": key}})


def test_an_alert_within_the_cool_down_is_told_and_fails_nothing(
    told: Told, make_site: MakeSite
) -> None:
    """The sink's cool-down was ten minutes; the settings say an hour now."""
    settings = told.site.settings
    alerts = settings.alerts.model_copy(update={"cooldown_seconds": 3_600})
    longer = Site(settings.model_copy(update={"alerts": alerts}))
    longer.session = told.site.session
    proven = report(longer)
    assert proven.ok
    assert set(proven.counts) == {"early-alert"}


# --- how much ----------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2025-01-31", "2025-02-01"])
def test_a_day_is_proven_but_for_the_cool_down_at_its_edges(told: Told, day: str) -> None:
    proven, alerts = told.proof(Scope(start=day, end=day))
    assert not proven.findings
    assert 0 < alerts.rows < sum(len(told.anomalies(record)) for record in told.cuts)


def test_a_shard_is_proven_alone(told: Told) -> None:
    proven, alerts = told.proof(Scope(shards=frozenset({C})))
    assert not proven.findings
    assert alerts.rows == sum(len(told.anomalies(r)) for r in told.cuts if r.shard == C)


@pytest.mark.parametrize("scope", [Scope(quick=True), Scope(tables=frozenset({"ticks"}))])
def test_where_anomalies_are_not_read_it_is_said(told: Told, scope: Scope) -> None:
    told.drop(told.items[0])
    proven, alerts = told.proof(scope)
    assert proven.ok
    assert "anomalies" in alerts.unproven


def test_where_no_sink_sends_alerts_it_is_said(make_site: MakeSite) -> None:
    site = make_site({"sinks": [{"use": "parquet"}]})
    placed = SiteLake(site)
    placed.put(true_lake(pending=False))
    placed.life()
    proven = report(site)
    assert (proven.ok, proven.alerts) == (True, [])
    assert proven.alerts_unproven == "no sink of the settings sends any"
    assert "alerts: not proven" in run(site, "--set", 'sinks=[{"use": "parquet"}]').stdout


# --- the settings ------------------------------------------------------------------


def rules_of(make_site: MakeSite, *sinks: Mapping[str, Any]) -> list[AlertRules]:
    return of_site(make_site({"sinks": list(sinks)}))


def test_a_sinks_own_settings_come_before_those_of_alerts(make_site: MakeSite) -> None:
    own = {"use": "sns", "table": "mine", "severity": "low", "cooldown_seconds": 5}
    (rules,) = rules_of(make_site, own)
    assert (rules.table, rules.severity, rules.cooldown) == ("mine", "low", timedelta(seconds=5))


def test_a_filter_around_the_sink_chooses_the_same_rows(make_site: MakeSite) -> None:
    chosen = {"table": "anomalies", "column": "kind", "values": ["change"]}
    inner = {"use": "retrying", "sink": {"use": "sns", "severity": "low"}}
    (rules,) = rules_of(make_site, {"use": "filtering", **chosen, "sink": inner})
    rows = table("anomalies", [anomaly(1), anomaly(2, kind="change")])
    assert rules.chosen(rows)["kind"].to_pylist() == ["change"]
    assert (rules.name, rules.unproven) == ("filtering", "")


def test_what_cannot_be_proven_says_why(make_site: MakeSite) -> None:
    (rules,) = rules_of(
        make_site, {"use": "fallback", "sink": {"use": "sns"}, "second": {"use": "dynamodb"}}
    )
    assert rules.unproven.startswith("Fallback stands before it")
    both = rules_of(make_site, {"use": "sns"}, {"use": "sns", "severity": "low"})
    assert all(rules.unproven.startswith("several alert sinks") for rules in both)


# --- the rules ---------------------------------------------------------------------


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from("AB")), max_size=14),
    st.lists(st.tuples(st.integers(0, 14), st.integers(1, 14)), max_size=5),
)
def test_whatever_comes_in_whatever_calls_the_proof_decides_as_the_sink(
    make_site: MakeSite,
    tmp_path_factory: pytest.TempPathFactory,
    flags: list[tuple[int, str]],
    calls: list[tuple[int, int]],
) -> None:
    """Event times go back and forth; calls come again after restarts, cut differently."""
    site = make_site({"alerts.cooldown_seconds": 10})
    make_table(site)
    rows = [
        anomaly(n, symbol=symbol, timestamp=anomaly(second)["timestamp"])
        for n, (second, symbol) in enumerate(flags)
    ]
    reached = 0
    for back, length in [*calls, (0, len(rows))]:
        begin = max(reached - back, 0)
        if some := rows[begin : begin + length]:
            opened(site).write(hot(anomalies=some))
            reached = max(reached, begin + len(some))
    if rows[reached:]:
        opened(site).write(hot(anomalies=rows[reached:]))
    (rules,) = of_site(site)
    with Disk(Path(tmp_path_factory.mktemp("disk"))) as disk:
        Stretches(disk)
        book = AlertBook(disk, 0)
        book.add_rows(rules.chosen(table("anomalies", rows)), settled=True)
        for items in AlertTable(site.client("dynamodb"), rules.table).items():
            book.add_items(items)
        proof = AlertProof(book, rules, Scope())
        assert not list(proof.findings())
        assert proof.report.rows == len(rows)
