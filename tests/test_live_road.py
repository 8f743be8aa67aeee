"""Live bars on the processor's road: to hot sinks with their calls, and nowhere else."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kcl_app.core.contract import Batch
from kcl_app.core.live import Watermark
from kcl_app.core.records import Records
from kcl_app.tip import READY
from tests.guarantees.desk import Desk
from tests.schedules.play import RULES
from tests.schedules.shard import BEGIN_MS, FIRST_SEQUENCE, Shard

LIVE = replace(RULES, watermark=Watermark(5_000_000, 60_000_000))


@dataclass
class Heard:
    """Sinks that remember what they were handed."""

    hots: list[Batch] = field(default_factory=list)
    colds: list[Batch] = field(default_factory=list)

    def open(self) -> None: ...

    def close(self) -> None: ...

    def hot(self, batch: Batch) -> None:
        self.hots.append(batch)

    def cold(self, batch: Batch) -> None:
        self.colds.append(batch)

    def bars(self, interval: str = "1m") -> list[Any]:
        """(second of the start, ticks, closed) of all bars told, in order."""
        return [
            (int(row["start"].timestamp()) - BEGIN_MS // 1_000, row["ticks"], row["closed"])
            for batch in self.hots
            for row in batch.rows("live_bars")
            if row["interval"] == interval
        ]


def trades(*seconds: int) -> Records:
    """A trade of A at each of these seconds, arriving as it happens."""
    bodies = [
        {"symbol": "A", "timestamp": BEGIN_MS + 1_000 * s, "price": 10, "volume": 1}
        for s in seconds
    ]
    return Records(
        sequences=[str(FIRST_SEQUENCE + n) for n in range(len(seconds))],
        subs=[0] * len(seconds),
        arrivals=[BEGIN_MS + 1_000 * s for s in seconds],
        keys=["A"] * len(seconds),
        data=[json.dumps(body).encode() for body in bodies],
    )


def desk(records: Records, cut_records: int = 50) -> Desk:
    made = Desk(cut_records=cut_records)
    made.shard = Shard(records)
    return made


def told(at: Desk, calls: Any) -> Heard:
    heard = Heard()
    worker = at.worker(sinks=heard, rules=LIVE)
    for start, stop in calls:
        worker.process_records(at.call(start, stop))
    return heard


def test_open_bars_go_out_as_they_change_and_closed_ones_once() -> None:
    at = desk(trades(0, 10, 65))
    assert told(at, [(0, 1), (1, 2), (2, 3)]).bars() == [
        (0, 1, False),
        (0, 2, False),
        (60, 1, False),
        (0, 2, True),
    ]


def test_live_bars_are_no_part_of_a_cut() -> None:
    at = desk(trades(0, 10, 65), cut_records=1)
    heard = told(at, [(0, 3)])
    assert [set(batch.tables) for batch in heard.colds] == [{"ticks", "bars"}] * 3


def test_without_a_watermark_no_call_has_any() -> None:
    at = desk(trades(0, 10, 65))
    heard = Heard()
    at.worker(sinks=heard).process_records(at.call(0, 3))
    assert [set(batch.tables) for batch in heard.hots] == [{"ticks"}]


def test_a_silence_that_is_proven_closes_bars() -> None:
    at = desk(trades(0, 10))
    heard = Heard()
    worker = at.worker(sinks=heard, rules=LIVE)
    worker.process_records(at.call(0, 2))
    for _ in range(READY + 66):
        at.clock += 1
        worker.process_records(at.call())
    assert heard.bars() == [(0, 2, False), (0, 2, True)]
    assert set(heard.hots[-1].tables) == {"live_bars"}


def test_a_shard_that_is_behind_is_not_silent() -> None:
    at = desk(trades(0, 10))
    heard = Heard()
    worker = at.worker(sinks=heard, rules=LIVE)
    worker.process_records(at.call(0, 2))
    for _ in range(READY + 200):
        at.clock += 1
        worker.process_records(at.call(behind=1))
    assert heard.bars() == [(0, 2, False)]


def test_a_worker_that_starts_into_a_silence_closes_what_was_left_open() -> None:
    at = desk(trades(0, 10))
    first = at.worker(sinks=Heard(), rules=LIVE)
    first.process_records(at.call(0, 2))
    first.shutdown_requested(at.call())
    heard = Heard()
    worker = at.worker(sinks=heard, rules=LIVE)
    for _ in range(READY + 66):
        at.clock += 1
        worker.process_records(at.call())
    assert heard.bars() == [(0, 2, True)]


def test_a_cut_that_is_begun_anew_tells_nothing_of_what_it_feeds_again() -> None:
    """Another worker's cut ends after the first record: ours has read two and goes back."""
    at = desk(trades(0, 10, 20))
    heard = Heard()
    late = at.worker(sinks=heard, rules=LIVE)
    other = at.worker(sinks=Heard(), rules=LIVE)
    other.process_records(at.call(0, 1))
    other.shutdown_requested(at.call())
    late.process_records(at.call(0, 2))
    late.shutdown_requested(at.call())
    assert heard.bars() == [(0, 2, False), (0, 2, False)]


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_lake_is_bitwise_the_same_whatever_is_told(data: st.DataObject) -> None:
    """With and without live bars, and with silences between the calls of one of them."""
    seconds = data.draw(st.lists(st.integers(0, 400), min_size=1, max_size=30))
    records = trades(*seconds)
    edges = sorted({0, len(records), *data.draw(st.lists(st.integers(0, len(records))))})
    lakes = []
    for rules, silent in ((RULES, 0), (LIVE, 0), (LIVE, READY + data.draw(st.integers(0, 90)))):
        at, heard = desk(records, cut_records=7), Heard()
        worker = at.worker(sinks=heard, rules=rules)
        for start, stop in pairwise(edges):
            worker.process_records(at.call(start, stop))
            for _ in range(silent):
                at.clock += 0.01
                worker.process_records(at.call())
        worker.shutdown_requested(at.call())
        whole = [(batch.cut, sorted(batch.tables.items())) for batch in heard.colds]
        lakes.append((whole, {k: v for k, v in at.lake.bodies.items() if k.startswith("cuts/")}))
    assert lakes[0] == lakes[1] == lakes[2]
