"""Whatever fails, every tick stands once in our books and in the order of its symbol."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.call import PublishError
from producer.publish import Publisher, Summary
from producer.queue import Limits
from producer.source import SourceError, Ticks
from tests.producer import fake_kinesis as world
from tests.producer.conftest import Book, SleptClock, ticks_of
from tests.producer.fake_kinesis import FakeKinesis

MIB = 1024 * 1024
RUN = "run"
CLIENT = world.client()
Fake = Callable[..., FakeKinesis]


def publisher(client: Any, clock: SleptClock, **more: Any) -> Publisher:
    settings: dict[str, Any] = {"ledger": Book(), "jitter": lambda: 0.0, **more}
    return Publisher(client, "stream", RUN, clock, **settings)


def ids(fake: FakeKinesis) -> list[str]:
    """The ids on the stream, in its order."""
    return [json.loads(line)["id"] for _, data in fake.stored for line in data.split(b"\n")]


def by_key(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for key, value in pairs:
        if value not in found[key]:
            found[key].append(value)
    return dict(found)


fates = st.lists(st.integers(world.CALL_OK, world.BROKE_BEFORE), max_size=8)
failures = st.lists(st.sampled_from([world.OK, world.OK, world.THROTTLED, world.INTERNAL]))


@settings(max_examples=150, deadline=None)
@given(
    tape=st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=40),
    calls=fates,
    records=failures,
    lines=st.sampled_from([0, 1, 3]),
    flights=st.integers(1, 3),
    batch=st.integers(1, 40),
    most=st.integers(1, 4),
)
def test_every_tick_is_acknowledged_once_and_in_the_order_of_its_symbol(
    tape: list[str],
    calls: list[int],
    records: list[int],
    lines: int,
    flights: int,
    batch: int,
    most: int,
) -> None:
    fake, book = FakeKinesis(calls, records), Book()
    fake.attach(CLIENT)
    try:
        ticks = ticks_of(tape)
        parts = [ticks.slice(at, at + batch) for at in range(0, len(tape), batch)]
        made = publisher(
            CLIENT, SleptClock(), ledger=book, lines=lines, calls=flights,
            limits=Limits(records=most), backlog=5,
        )  # fmt: skip
        summary = made.publish(parts)
    finally:
        fake.detach(CLIENT)
    sent = [(key, f"{RUN}-{at:09d}") for at, key in enumerate(tape, 1)]
    assert sorted(book.noted) == sorted(sent)
    assert by_key(book.noted) == by_key(sent)
    stored = [(k, json.loads(x)["id"]) for k, data in fake.stored for x in data.split(b"\n")]
    assert by_key(stored) == by_key(sent)
    assert max(fake.sizes) <= most
    assert summary.ticks == len(tape)
    assert summary.uncertain or len(stored) == len(sent)


def test_a_call_holds_a_symbol_once(fake: Fake, kinesis_client: Any, clock: SleptClock) -> None:
    kinesis = fake()
    publisher(kinesis_client, clock, calls=1).publish([ticks_of("AABBB")])
    assert kinesis.keys == [["A", "B"], ["A", "B"], ["B"]]


def test_only_what_failed_is_sent_again(fake: Fake, kinesis_client: Any, clock: SleptClock) -> None:
    kinesis = fake(records=[world.OK, world.INTERNAL, world.OK])
    summary = publisher(kinesis_client, clock).publish([ticks_of("ABC")])
    assert kinesis.keys == [["A", "B", "C"], ["B"]]
    assert (summary.retries, summary.uncertain, summary.records) == (1, 0, 3)


def test_what_failed_goes_before_what_is_new(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    kinesis = fake(records=[world.THROTTLED])
    made = publisher(kinesis_client, clock, calls=1, limits=Limits(records=2), pause_s=0.0)
    made.publish([ticks_of("ABCD")])
    assert kinesis.keys == [["A", "B"], ["A", "C"], ["D"]]


def test_other_symbols_go_on_while_one_is_refused(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    fake(records=[world.THROTTLED])
    book = Book()
    publisher(kinesis_client, clock, ledger=book, calls=1).publish([ticks_of("ABBBB")])
    assert [key for key, _ in book.noted] == ["B", "B", "B", "B", "A"]


def test_pauses_grow_up_to_a_bound(fake: Fake, kinesis_client: Any, clock: SleptClock) -> None:
    fake(calls=[world.CALL_THROTTLED] * 8)
    publisher(kinesis_client, clock).publish([ticks_of("A")])
    assert clock.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])


def test_pauses_are_shortened_by_chance(fake: Fake, kinesis_client: Any, clock: SleptClock) -> None:
    fake(calls=[world.CALL_THROTTLED] * 2)
    publisher(kinesis_client, clock, jitter=lambda: 0.5).publish([ticks_of("A")])
    assert clock.slept == pytest.approx([0.075, 0.15])


def test_a_lost_answer_may_store_a_tick_twice_under_one_id(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    kinesis = fake(calls=[world.ANSWER_LOST])
    summary = publisher(kinesis_client, clock).publish([ticks_of("A")])
    assert ids(kinesis) == ["run-000000001", "run-000000001"]
    assert (summary.ticks, summary.uncertain) == (1, 1)


def test_the_run_gives_up_with_a_sentence(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    fake(refusing=frozenset("B"))
    book = Book()
    with pytest.raises(PublishError) as wrong:
        publisher(kinesis_client, clock, ledger=book, patience_s=60).publish([ticks_of("ABBC")])
    assert "run-000000002 (B)" in str(wrong.value)
    assert "Rate exceeded for shard" in str(wrong.value)
    assert sorted(key for key, _ in book.noted) == ["A", "C"]
    assert sum(clock.slept) < 60 + 5


def test_a_symbol_that_is_taken_now_and_then_is_never_given_up(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    fake(records=([world.THROTTLED] * 9 + [world.OK]) * 10)
    summary = publisher(kinesis_client, clock, patience_s=60).publish([ticks_of("A" * 10)])
    assert summary.ticks == 10
    assert sum(clock.slept) > 60


def test_a_stream_that_does_not_exist_is_said_at_once(
    kinesis_client: Any, clock: SleptClock
) -> None:
    def refuse(**_: Any) -> Any:
        return world.answer(400, {"__type": "ResourceNotFoundException", "message": "no stream"})

    kinesis_client.meta.events.register("before-send.kinesis.PutRecords", refuse, unique_id="no")
    try:
        with pytest.raises(PublishError, match="no stream; make the stream with `tapeline apply`"):
            publisher(kinesis_client, clock).publish([ticks_of("A")])
    finally:
        kinesis_client.meta.events.unregister(
            "before-send.kinesis.PutRecords", refuse, unique_id="no"
        )
    assert clock.slept == []


@pytest.mark.parametrize(("symbols", "sizes"), [(500, [500]), (501, [500, 1])])
def test_a_call_holds_at_most_500_records(
    fake: Fake, kinesis_client: Any, clock: SleptClock, symbols: int, sizes: list[int]
) -> None:
    kinesis = fake()
    ticks = ticks_of([f"S{n}" for n in range(symbols)])
    publisher(kinesis_client, clock, calls=1).publish([ticks])
    assert kinesis.sizes == sizes


def of_size(symbol: str, size: int) -> dict[str, Any]:
    """A row whose record has ``size`` bytes with its key."""
    bare = {"symbol": symbol, "pad": ""}
    body = json.dumps({**bare, "id": f"{RUN}-000000001"}, separators=(",", ":"))
    return {**bare, "pad": "x" * (size - len(body) - len(symbol.encode()))}


def of_sizes(*sizes: int) -> Ticks:
    rows = [of_size(symbol, size) for symbol, size in zip("ABCDEF", sizes, strict=False)]
    return Ticks(rows, np.zeros(len(rows), dtype=np.int64))


def test_a_call_of_exactly_5_mib_is_sent(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    kinesis = fake()
    publisher(kinesis_client, clock).publish([of_sizes(MIB, MIB, MIB, MIB, MIB)])
    assert kinesis.sizes == [5]


def test_a_byte_more_than_5_mib_is_another_call(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    kinesis = fake()
    half = MIB // 2
    publisher(kinesis_client, clock).publish([of_sizes(MIB, MIB, MIB, MIB, half, half + 1)])
    assert sorted(kinesis.sizes) == [1, 5]


def test_a_record_over_1_mib_is_refused_by_name_and_the_ticks_before_it_are_sent(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    kinesis = fake()
    with pytest.raises(PublishError, match=r"run-000000002 of B .* has 1,048,577 bytes"):
        publisher(kinesis_client, clock).publish([of_sizes(MIB, MIB + 1, 100)])
    assert ids(kinesis) == ["run-000000001"]


def test_the_keys_bytes_count_and_not_its_letters(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    kinesis = fake()
    row = {"symbol": "é", "pad": ""}
    rest = MIB - len(json.dumps({**row, "id": f"{RUN}-000000001"}, separators=(",", ":"),
                                ensure_ascii=False).encode()) - 2  # fmt: skip
    exact = Ticks([{**row, "pad": "x" * rest}], np.zeros(1, dtype=np.int64))
    publisher(kinesis_client, clock).publish([exact])
    over = Ticks([{**row, "pad": "x" * (rest + 1)}], np.zeros(1, dtype=np.int64))
    with pytest.raises(PublishError, match="1,048,577 bytes"):
        publisher(kinesis_client, clock).publish([over])
    assert kinesis.sizes == [1]


def test_lines_of_one_symbol_share_a_record_up_to_the_number_given(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    kinesis = fake()
    summary = publisher(kinesis_client, clock, lines=3, calls=1).publish([ticks_of("AAAAB")])
    assert [(key, data.count(b"\n") + 1) for key, data in kinesis.stored] == [
        ("A", 3), ("B", 1), ("A", 1),
    ]  # fmt: skip
    assert (summary.ticks, summary.records) == (5, 3)


def test_few_symbols_share_records_until_a_call_is_full(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    kinesis = fake()
    publisher(kinesis_client, clock, lines=0, calls=1).publish([ticks_of("AB" * 500)])
    assert [data.count(b"\n") + 1 for _, data in kinesis.stored] == [250] * 4


def test_a_shared_record_stays_within_1_mib(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    kinesis = fake()
    ticks = ticks_of("AAA", pad="x" * (400 * 1024))
    publisher(kinesis_client, clock, lines=100).publish([ticks])
    assert [data.count(b"\n") + 1 for _, data in kinesis.stored] == [2, 1]


@pytest.mark.parametrize(
    ("symbol", "key"), [("", "-"), (None, "-"), ("x" * 300, "x" * 256), (7, "7")]
)
def test_a_tick_with_a_bad_symbol_is_sent_under_a_key_that_kinesis_takes(
    fake: Fake, kinesis_client: Any, clock: SleptClock, symbol: Any, key: str
) -> None:
    kinesis = fake()
    publisher(kinesis_client, clock).publish([ticks_of([symbol])])
    ((stored, data),) = kinesis.stored
    assert stored == key
    assert json.loads(data)["symbol"] == symbol


def test_what_a_source_gave_before_it_broke_is_published(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    def breaking() -> Iterator[Ticks]:
        yield ticks_of("AB")
        raise SourceError("line 3: torn")

    kinesis = fake()
    with pytest.raises(SourceError, match="line 3: torn"):
        publisher(kinesis_client, clock).publish(breaking())
    assert len(kinesis.stored) == 2


def test_values_of_numpy_are_plain_json(fake: Fake, kinesis_client: Any, clock: SleptClock) -> None:
    kinesis = fake()
    publisher(kinesis_client, clock).publish([ticks_of("A", size=np.int64(3))])
    assert json.loads(kinesis.stored[0][1])["size"] == 3


def test_a_value_that_is_no_json_is_said_with_its_row(
    fake: Fake, kinesis_client: Any, clock: SleptClock
) -> None:
    fake()
    with pytest.raises(PublishError, match="a object cannot be JSON"):
        publisher(kinesis_client, clock).publish([ticks_of("A", odd=object())])


def test_progress_ends_at_all_ticks(fake: Fake, kinesis_client: Any, clock: SleptClock) -> None:
    fake()
    seen: list[int] = []

    def note(summary: Summary) -> None:
        seen.append(summary.ticks)

    publisher(kinesis_client, clock, progress=note).publish([ticks_of("ABCA")])
    assert seen[-1] == 4
    assert seen == sorted(seen)
