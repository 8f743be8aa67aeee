"""The whole road under the real daemon, from an empty lease table.

ticks + malformed records -> stream -> worker -> lake, items, alerts -> proof
then more ticks, kill -9 of everything in the middle, and a worker again
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

from deploy.local.emulator import LocalAws
from kcl_app.core.schema import BARS
from tests.e2e.computed import tables
from tests.e2e.road import Road, eventually
from verify import Report, report

pytestmark = pytest.mark.daemon

TICKS = 1_800
GOOD = b'"symbol": "BAD", "timestamp": "2025-01-06T15:00:00Z"'
MALFORMED: dict[str, tuple[bytes, str]] = {
    "text": (b"not JSON at all", "not JSON"),
    "half a record": (b'{"symbol": "BAD", "timest', "not JSON"),
    "a list": (b"[1, 2, 3]", "not a JSON object"),
    "no symbol": (b'{"timestamp": "2025-01-06T15:00:00Z", "price": 1}', "symbol is missing"),
    "no time": (b'{"symbol": "BAD", "price": 1}', "timestamp is missing"),
    "no price": (b"{%s}" % GOOD, "price is missing"),
    "a price in words": (b'{%s, "price": "twelve"}' % GOOD, 'price is "twelve"'),
    "a symbol that is a number": (
        b'{"symbol": 5, "timestamp": "2025-01-06T15:00:00Z", "price": 1}',
        "symbol is 5",
    ),
    "NaN": (b'{%s, "price": NaN}' % GOOD, "price is NaN"),
    "infinity": (b'{%s, "price": Infinity}' % GOOD, "price is Infinity"),
    "negative infinity": (b'{%s, "price": -Infinity}' % GOOD, "price is -Infinity"),
    "an infinite exponent": (b'{%s, "price": 1e999}' % GOOD, "price"),
    "negative volume": (b'{%s, "price": 1, "volume": -5}' % GOOD, "volume is -5"),
    "year 1": (
        b'{"symbol": "BAD", "timestamp": "0001-01-01T00:00:00Z", "price": 1}',
        'timestamp is "0001-01-01T00:00:00Z"',
    ),
    "year 9999": (
        b'{"symbol": "BAD", "timestamp": "9999-12-31T23:59:59Z", "price": 1}',
        'timestamp is "9999-12-31T23:59:59Z"',
    ),
    "an empty symbol": (
        b'{"symbol": "", "timestamp": "2025-01-06T15:00:00Z", "price": 1}',
        'symbol is ""',
    ),
    "a symbol of 300 characters": (
        b'{"symbol": "%s", "timestamp": "2025-01-06T15:00:00Z", "price": 1}' % (b"X" * 300),
        "symbol is",
    ),
    "nothing": (b" ", "record is empty"),
    "1 MB of garbage": (random.Random(3).randbytes(1_048_000), "not UTF-8"),
}


@dataclass(frozen=True)
class Came:
    """What stands after the first worker has stopped, before any other began."""

    road: Road
    lake: dict[str, pa.Table]
    computed: dict[str, pa.Table]
    report: Report


@pytest.fixture(scope="module")
def came(emulator: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Came]:
    road = Road(emulator, tmp_path_factory.mktemp("road"))
    road.produce(TICKS, seed=11)
    for number, (data, _) in enumerate(MALFORMED.values()):
        road.put(data, f"key {number}")
    road.start()
    try:
        road.until_all_is_stored()
        assert road.worker
        assert road.worker.stop() == 0
        lake = {name: road.table(name) for name in ("ticks", "bars", "anomalies", "rejects")}
        road.inbox.empty()
        yield Came(road, lake, tables(road.site), report(road.site))
    finally:
        road.end()


def rows(table: pa.Table, *order: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table.sort_by([(n, "ascending") for n in order]).to_pylist()
    return found


def test_the_proof_holds_and_counts_everything(came: Came) -> None:
    assert came.report.ok, came.report.findings
    rejects = len(MALFORMED)
    assert came.report.line == (
        f"verify: produced={TICKS} stored={TICKS} missing=0 repeated=0 overlaps=0 rejects={rejects}"
    )


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_record_is_one_reject_with_its_reason_and_bytes(came: Came, kind: str) -> None:
    data, reason = MALFORMED[kind]
    found = [row for row in came.lake["rejects"].to_pylist() if row["data"] == data]
    assert len(found) == 1
    assert reason in found[0]["reason"]


def test_the_ticks_are_what_a_flow_computes_without_a_stream(came: Came) -> None:
    order = ("shard", "sequence", "line")
    assert rows(came.lake["ticks"], *order) == rows(came.computed["ticks"], *order)


def test_the_anomalies_are_what_a_flow_computes_without_a_stream(came: Came) -> None:
    order = ("shard", "sequence", "line", "kind")
    assert came.lake["anomalies"].num_rows
    assert rows(came.lake["anomalies"], *order) == rows(came.computed["anomalies"], *order)


def test_the_newest_bars_do_not_depend_on_how_the_stream_was_cut(came: Came) -> None:
    newest = {
        (bar["symbol"], bar["start"], bar["part"]): bar
        for bar in rows(came.lake["bars"], "revision")
    }
    whole = rows(came.computed["bars"], "symbol", "start")
    assert len(newest) == len(whole)
    values = [column.name for column in BARS.columns if column.name != "revision"]
    for bar in whole:
        stored = newest[bar["symbol"], bar["start"], bar["part"]]
        assert [stored[name] for name in values] == [bar[name] for name in values]


def test_every_quote_is_one_item_of_its_symbol_and_time(came: Came) -> None:
    site = came.road.site
    pages = (
        site.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=site.settings.items.table, ConsistentRead=True)
    )
    items = {
        (item["symbol"]["S"], item["timestamp"]["S"][:19]): float(item["price"]["N"])
        for page in pages
        for item in page["Items"]
    }
    ticks = {
        (tick["symbol"], f"{tick['timestamp']:%Y-%m-%dT%H:%M:%S}"): tick["price"]
        for tick in came.lake["ticks"].to_pylist()
    }
    assert items == ticks


def test_every_grave_anomaly_reaches_the_queue_once(came: Came) -> None:
    inbox = came.road.inbox
    grave = sorted(
        (row["symbol"], row["timestamp"].isoformat(), row["kind"])
        for row in came.lake["anomalies"].to_pylist()
        if row["severity"] == "high"
    )
    told = sorted((alert["symbol"], alert["timestamp"], alert["kind"]) for alert in inbox.alerts)
    assert grave
    assert told == grave
    assert inbox.again == 0


def test_a_worker_killed_in_the_middle_loses_and_repeats_nothing(came: Came) -> None:
    road = came.road
    road.start()
    items = road.gauge.read().items
    road.produce(6_000, seed=12)
    eventually(lambda: road.figures().items > items + 200, road.said)
    road.kill()
    assert road.gauge.read().accounted < road.sent, "it was not in the middle"
    road.start()
    road.until_all_is_stored()
    assert road.worker
    assert road.worker.stop() == 0
    proven = report(road.site)
    assert proven.ok, proven.findings
    assert (proven.produced, proven.missing, proven.repeated) == (TICKS + 6_000, 0, 0)
