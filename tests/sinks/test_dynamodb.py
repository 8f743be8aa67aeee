from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from config.site import Site
from kcl_app.core.contract import Batch, Refused, Retry, Sink
from sinks.dynamodb import DynamoDBSink
from sinks.items import items, positions
from sinks.live import bar_items
from sinks.samples import START, hot, live_bar, sequence, table, tick
from sinks.testing import SinkContract
from sinks.transact import MOST_TEXT, newest, transactions
from tests.sinks.conftest import make_table
from tests.sinks.fakes import error, script


def opened(site: Site, **settings: Any) -> DynamoDBSink:
    sink = DynamoDBSink(**settings)
    sink.site = site
    sink.sleep = lambda seconds: None
    sink.open()
    return sink


def stored(site: Site) -> list[dict[str, Any]]:
    """All items, as boto3 reads them: numbers are Decimals."""
    resource = site.session.resource("dynamodb", endpoint_url=site.settings.endpoint_url)
    return list(resource.Table(site.settings.items.table).scan()["Items"])


class TestDynamoDBSink(SinkContract):
    @pytest.fixture(autouse=True)
    def storage(self, items: Site) -> None:
        self.site = items

    def make(self) -> Sink:
        sink = DynamoDBSink()
        sink.site = self.site
        return sink

    def read(self) -> Iterable[Any]:
        pages = self.site.client("dynamodb").get_paginator("scan")
        for page in pages.paginate(TableName=self.site.settings.items.table):
            yield from page["Items"]

    def spoilt(self) -> Batch:
        return hot([tick(70), tick(71, price=1e300), tick(72)])


class TestLiveBars(SinkContract):
    """The same sink where live bars are on; what it holds is the bars beside the ticks."""

    @pytest.fixture(autouse=True)
    def storage(self, live: Site) -> None:
        self.site = live

    def make(self) -> Sink:
        sink = DynamoDBSink()
        sink.site = self.site
        return sink

    def read(self) -> Iterable[Any]:
        yield from stored(self.site)
        yield from bars_of(self.site)

    def spoilt(self) -> Batch:
        return hot([tick(70), tick(71, symbol="X" * 2_049)], live_bars=[live_bar(70)])


def bars_of(site: Site) -> list[dict[str, Any]]:
    resource = site.session.resource("dynamodb", endpoint_url=site.settings.endpoint_url)
    return list(resource.Table(site.settings.items.bars_table).scan()["Items"])


def test_a_live_bar_stands_under_its_symbol_interval_and_start(live: Site) -> None:
    opened(live).write(hot(live_bars=[live_bar(1), live_bar(1, interval="1h")]))
    assert [(item["symbol"], item["bar"], item["closed"]) for item in bars_of(live)] == [
        ("FB", "1h#2025-01-31T14:30:00.000000Z", False),
        ("FB", "1m#2025-01-31T14:30:00.000000Z", False),
    ]


def test_a_live_bar_takes_each_newer_value_and_no_older_one(live: Site) -> None:
    sink = opened(live)
    rows = [live_bar(1), live_bar(3), live_bar(2), live_bar(3, closed=True), live_bar(3)]
    told = []
    for row in rows:
        sink.write(hot(live_bars=[row]))
        (item,) = bars_of(live)
        told.append((int(item["ticks"]), item["closed"]))
    assert told == [(2, False), (4, False), (4, False), (4, True), (4, True)]


def test_a_tick_after_the_close_closes_the_bar_with_its_new_value(live: Site) -> None:
    sink = opened(live)
    sink.write(hot(live_bars=[live_bar(3, closed=True)]))
    sink.write(hot(live_bars=[live_bar(4, closed=True)]))
    assert [item["ticks"] for item in bars_of(live)] == [5]


def test_of_two_values_in_one_batch_the_newer_stays(live: Site) -> None:
    opened(live).write(hot(live_bars=[live_bar(4), live_bar(4, closed=True)]))
    assert [(item["ticks"], item["closed"]) for item in bars_of(live)] == [(5, True)]


def test_a_gap_window_is_named_by_its_part_since_its_start_may_move(live: Site) -> None:
    sink = opened(live)
    sink.write(hot(live_bars=[live_bar(3, interval="gap5m")]))
    sink.write(hot(live_bars=[live_bar(4, interval="gap5m", start=START - timedelta(seconds=9))]))
    assert [item["ticks"] for item in bars_of(live)] == [5]


def test_a_live_bar_says_when_it_may_go(live: Site) -> None:
    opened(live).write(hot(live_bars=[live_bar(1)]))
    (item,) = bars_of(live)
    assert int(item["expires"]) == int((START + timedelta(minutes=1, days=30)).timestamp())


def test_with_no_days_a_live_bar_stays() -> None:
    (item,) = bar_items(table("live_bars", [live_bar(1)]), days=0)
    assert "expires" not in item


def test_a_live_bar_that_can_be_no_item_is_refused_by_its_own_table(live: Site) -> None:
    with pytest.raises(Refused) as refused:
        opened(live).write(hot(live_bars=[live_bar(1), live_bar(2, symbol="X" * 2_049)]))
    assert (refused.value.table, list(refused.value.rows)) == ("live_bars", [1])
    assert len(bars_of(live)) == 1


def test_without_live_bars_their_table_need_not_be_there(items: Site) -> None:
    opened(items).write(hot([tick(1)], live_bars=[live_bar(1)]))
    assert len(stored(items)) == 1


def test_a_table_of_bars_with_other_keys_is_refused_with_the_remedy(live: Site) -> None:
    sink = DynamoDBSink(bars=live.settings.items.table)
    sink.site = live
    with pytest.raises(RuntimeError, match=r"not symbol .* and bar .* items\.bars_table"):
        sink.open()


def test_a_quote_stands_under_its_symbol_and_instant(items: Site) -> None:
    opened(items).write(hot([tick(1, kind="quote")]))
    (item,) = stored(items)
    assert (item["symbol"], item["timestamp"]) == ("FB", "2025-01-31T14:30:01.000000Z")


def test_trades_of_one_instant_stand_apart_by_position(items: Site) -> None:
    at = tick(1)["timestamp"]
    opened(items).write(hot([tick(1), tick(2, timestamp=at), tick(2, timestamp=at, line=1)]))
    texts = sorted(item["timestamp"] for item in stored(items))
    lead = "2025-01-31T14:30:01.000000Z#"
    assert texts == [
        f"{lead}{sequence(1)}-0000000000-00000000",
        f"{lead}{sequence(2)}-0000000000-00000000",
        f"{lead}{sequence(2)}-0000000000-00000001",
    ]


def test_an_item_has_what_has_a_value_and_numbers_digit_by_digit(items: Site) -> None:
    opened(items).write(hot([tick(1, kind="bar", price=0.1 + 0.2, volume=1e22, source=None)]))
    (item,) = stored(items)
    assert item["price"] == Decimal("0.30000000000000004")
    assert item["volume"] == Decimal("1e22")
    assert item["arrival"] == "2025-01-31T14:30:01.080000Z"
    assert item["exchange_date"] == "2025-01-31"
    assert item["line"] == 0
    assert {"source", "sma_5", "flags", "id"}.isdisjoint(item)


def test_of_two_quotes_of_one_instant_the_later_record_stays(items: Site) -> None:
    at = tick(1)["timestamp"]
    first = tick(1, kind="quote", price=1.0)
    second = tick(2, kind="quote", price=2.0, timestamp=at)
    opened(items).write(hot([first, second]))
    assert [item["price"] for item in stored(items)] == [2]


def test_stale_rows_are_dropped_and_the_rest_of_their_transaction_is_stored(items: Site) -> None:
    opened(items).write(hot([tick(n, kind="quote", symbol=f"S{n}") for n in range(0, 150, 3)]))
    opened(items).write(hot([tick(n, kind="quote", symbol=f"S{n}") for n in range(150)]))
    assert len(stored(items)) == 150


def test_positions_are_compared_as_numbers_whatever_their_length(items: Site) -> None:
    """Some stores pad sequence numbers with zeros, others do not."""
    at = tick(1)["timestamp"]
    late = tick(1, kind="quote", timestamp=at, sequence="0" * 40 + "1000", price=2.0)
    early = tick(1, kind="quote", timestamp=at, sequence="999", price=1.0)
    opened(items).write(hot([late]))
    opened(items).write(hot([early]))
    assert [item["price"] for item in stored(items)] == [2]


def test_a_number_that_dynamodb_cannot_hold_is_refused_and_only_that(items: Site) -> None:
    ticks = [tick(n, symbol=f"S{n}") for n in range(20)]
    ticks[7]["price"] = 1e300
    with pytest.raises(Refused) as refused:
        opened(items).write(hot(ticks))
    assert list(refused.value.rows) == [7]
    assert {item["symbol"] for item in stored(items)} == {f"S{n}" for n in range(20)} - {"S7"}


def test_a_table_of_another_key_is_said_at_open_and_not_row_by_row(site: Site) -> None:
    make_table(site, "other", {"id": "HASH"})
    with pytest.raises(RuntimeError, match="not symbol"):
        opened(site, table="other")


def test_a_missing_table_is_said_with_its_remedy(site: Site) -> None:
    with pytest.raises(RuntimeError, match="tapeline apply makes it"):
        opened(site)


def test_the_table_may_be_another_than_that_of_the_settings(site: Site) -> None:
    make_table(site, f"{site.settings.items.table}-2", {"symbol": "HASH", "timestamp": "RANGE"})
    opened(site, table=f"{site.settings.items.table}-2").write(hot([tick(1)]))


@pytest.fixture
def scripted(items: Site) -> Callable[[list[str]], DynamoDBSink]:
    """A sink whose first transactions are answered by a script of error codes."""

    def make(codes: list[str]) -> DynamoDBSink:
        sink = opened(items, parallel=1)
        script(sink._client, "dynamodb.TransactWriteItems", [_told(code) for code in codes])
        return sink

    return make


def _told(code: str) -> Any:
    if code == "ThrottlingException":
        return error(code)
    reasons = [{"Code": "None"}, {"Code": code, "Message": "not now"}]
    return error("TransactionCanceledException", CancellationReasons=reasons)


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError"])
def test_a_conflict_that_passes_is_waited_for(
    items: Site, scripted: Callable[[list[str]], DynamoDBSink], code: str
) -> None:
    scripted([code, code]).write(hot([tick(1), tick(2)]))
    assert len(stored(items)) == 2


def test_a_conflict_that_stays_asks_for_the_batch_again(
    scripted: Callable[[list[str]], DynamoDBSink],
) -> None:
    with pytest.raises(Retry, match="TransactionConflict in 6 transactions"):
        scripted(["TransactionConflict"] * 6).write(hot([tick(1), tick(2)]))


def test_throttling_asks_for_the_batch_again(
    scripted: Callable[[list[str]], DynamoDBSink],
) -> None:
    with pytest.raises(Retry, match="ThrottlingException"):
        scripted(["ThrottlingException"] * 20).write(hot([tick(1), tick(2)]))


def test_an_error_that_no_time_mends_stops_the_shard(items: Site) -> None:
    sink = opened(items)
    sink._client.delete_table(TableName=items.settings.items.table)
    with pytest.raises(ClientError):
        sink.write(hot([tick(1)]))


def test_a_transaction_keeps_the_limits_of_aws_in_number_and_size() -> None:
    long = [tick(n, id="x" * 300_000) for n in range(10)]
    short = [tick(n) for n in range(100, 350)]
    runs = list(transactions(newest(items(table("ticks", [*long, *short])))))
    assert sum(map(len, runs)) == 260
    assert max(map(len, runs)) == 100
    assert all(len(msgspec.json.encode([put.item for put in run])) <= MOST_TEXT for run in runs)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 2)), min_size=1))
def test_position_texts_sort_as_the_stream_does(places: list[tuple[int, int, int]]) -> None:
    rows = [tick(0, sequence="9" * (n + 1), sub_sequence=sub, line=line) for n, sub, line in places]
    texts = positions(table("ticks", rows))
    assert sorted(range(len(places)), key=lambda n: texts[n]) == sorted(
        range(len(places)), key=lambda n: places[n]
    )


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_price_is_written_as_the_float_that_it_is(price: float) -> None:
    (item,) = items(table("ticks", [tick(1, price=price)]))
    assert float(item["price"]["N"]) == price


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(0, 2)), min_size=1, max_size=30))
def test_a_batch_puts_each_item_once_at_its_last_position(
    quotes: list[tuple[str, int]],
) -> None:
    start = tick(0)["timestamp"]
    rows = [
        tick(n, symbol=symbol, kind="quote", timestamp=start + timedelta(seconds=second))
        for n, (symbol, second) in enumerate(quotes)
    ]
    puts = newest(items(table("ticks", rows)))
    last = {key: n for n, key in enumerate(quotes)}
    assert sorted(put.row for put in puts) == sorted(last.values())
