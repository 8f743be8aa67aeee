from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from kcl_app.core.contract import Batch, Refused, Retry, Sink, When
from kcl_app.fanout import Fanout, SinkFailed
from sinks.flaky import Fault, FlakySink
from sinks.memory import MemoryLake, MemorySink
from sinks.samples import anomaly, bar, cut, hot, reject, tick
from sinks.testing import MemoryStore


@dataclass
class Noting(Sink):
    """Writes its name and what happened into a diary."""

    name: str = ""
    diary: list[str] = field(default_factory=list)
    error: Exception | None = None

    def open(self) -> None:
        self._note("open")

    def write(self, batch: Batch) -> None:
        self._note("write")

    def close(self) -> None:
        self._note("close")

    def _note(self, what: str) -> None:
        self.diary.append(f"{self.name} {what}")
        if self.error and what == str(self.error):
            raise self.error


@dataclass
class NotingCuts(Noting):
    when: ClassVar[When] = "cut"


@dataclass
class Refusing(MemorySink):
    """Takes all but the rows it was told."""

    table: str = "ticks"
    rows_refused: tuple[int, ...] = ()

    def write(self, batch: Batch) -> None:
        super().write(batch)
        raise Refused({row: f"row {row} is not wanted" for row in self.rows_refused}, self.table)


class Clock:
    def __init__(self) -> None:
        self.at = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds

    def now(self) -> float:
        return self.at


def fanned(sinks: dict[str, Sink], store: MemoryStore | None = None, **more: Any) -> Fanout:
    clock = Clock()
    return Fanout(sinks, store or MemoryStore(), clock.sleep, clock.now, **more)


def noting(*names: str, kind: Callable[..., Noting] = Noting) -> tuple[dict[str, Sink], list[str]]:
    diary: list[str] = []
    return {name: kind(name, diary) for name in names}, diary


def test_sinks_are_written_in_the_order_of_the_configuration() -> None:
    sinks, diary = noting("b", "a", "c")
    fanned(sinks).hot(hot([tick(1)]))
    assert diary == ["b write", "a write", "c write"]


def test_a_hot_batch_reaches_only_sinks_that_want_every_batch_and_a_cut_only_the_others() -> None:
    warm, diary = noting("warm")
    cold, cold_diary = noting("cold", kind=NotingCuts)
    fanout = fanned(warm | cold)
    fanout.hot(hot([tick(1)]))
    assert (diary, cold_diary) == (["warm write"], [])
    fanout.cold(cut([tick(1)]))
    assert (diary, cold_diary) == (["warm write"], ["cold write"])


def test_retry_waits_as_long_as_it_says_and_offers_the_very_same_batch() -> None:
    memory = MemorySink()
    flaky = FlakySink(memory, (Fault(Retry(0.5)), Fault(Retry(2.0)), None))
    fanout, clock = fanned({"flaky": flaky}), Clock()
    fanout.sleep, fanout.now = clock.sleep, clock.now
    fanout.hot(hot([tick(1)]))
    assert clock.slept == [0.5, 2.0]
    assert len(memory.rows("ticks")) == 1


def test_a_later_sink_waits_until_an_earlier_one_has_the_batch() -> None:
    sinks, diary = noting("late")
    flaky = FlakySink(Noting("early", diary), (Fault(Retry(1.0)), None))
    fanned({"early": flaky, **sinks}).hot(hot([tick(1)]))
    assert diary == ["early write", "late write"]


def test_patience_ends_before_the_daemon_would_end_a_silent_process() -> None:
    flaky = FlakySink(MemorySink(), (Fault(Retry(50, "SlowDown")),) * 9)
    with pytest.raises(
        SinkFailed, match=r"sink flaky .* after 3 offers, 100 s into .*\(SlowDown\)"
    ):
        fanned({"flaky": flaky}).hot(hot([tick(1)]))


def test_patience_is_shared_by_all_sinks_of_a_batch() -> None:
    waiting = (Fault(Retry(50)), Fault(Retry(50)), None)
    sinks: dict[str, Sink] = {name: FlakySink(MemorySink(), waiting) for name in ("a", "b")}
    with pytest.raises(SinkFailed, match="sink b still cannot write after 1 offers"):
        fanned(sinks).hot(hot([tick(1)]))


def test_offers_are_bounded_also_where_no_time_passes() -> None:
    flaky = FlakySink(MemorySink(), (Fault(Retry(0)),) * 99)
    with pytest.raises(SinkFailed, match="after 50 offers"):
        fanned({"flaky": flaky}).hot(hot([tick(1)]))
    assert flaky.writes == 50


def test_an_error_of_another_kind_leaves_as_it_is_and_nothing_after_it_is_written() -> None:
    sinks, diary = noting("late")
    flaky = FlakySink(MemorySink(), (Fault(OSError("disk full")),))
    with pytest.raises(OSError, match="disk full"):
        fanned({"flaky": flaky, **sinks}).hot(hot([tick(1)]))
    assert diary == []


def test_refused_rows_become_dead_letters_and_the_next_sink_gets_its_turn() -> None:
    store = MemoryStore()
    sinks, diary = noting("late")
    refusing = Refusing(rows_refused=(1,))
    fanned({"picky": refusing, **sinks}, store).hot(hot([tick(1), tick(2, symbol="三菱")]))
    assert diary == ["late write"]
    (body,) = store.bodies.values()
    letter = json.loads(body)
    assert (letter["sink"], letter["table"]) == ("picky", "ticks")
    assert letter["reason"] == "row 1 is not wanted"
    assert letter["row"]["symbol"] == "三菱"
    assert letter["row"]["timestamp"] == "2025-01-31T14:30:02+00:00"


def test_dead_letters_of_a_replay_stand_once() -> None:
    store = MemoryStore()
    for _ in range(2):
        fanned({"picky": Refusing(rows_refused=(0,))}, store).hot(hot([tick(1)]))
    assert len(store.bodies) == 1


def test_other_rows_refused_at_the_same_position_are_not_hidden_by_the_first() -> None:
    """A replay may cut the batch differently: then more rows follow the first refused one."""
    store = MemoryStore()
    fanned({"picky": Refusing(rows_refused=(0,))}, store).hot(hot([tick(1)]))
    fanned({"picky": Refusing(rows_refused=(0, 1))}, store).hot(hot([tick(1), tick(2)]))
    prices = [json.loads(x)["row"]["price"] for b in store.bodies.values() for x in b.splitlines()]
    assert sorted(prices) == [100.01, 100.01, 100.02]


@pytest.mark.parametrize("table", ["ticks", "anomalies", "rejects", "bars"])
def test_rows_of_every_table_can_be_kept(table: str) -> None:
    store = MemoryStore()
    whole = cut([tick(1)], [anomaly(1)], [reject(1, data=b"\xff\x00")], [bar(1)])
    batch = Batch(whole.shard, whole.tables)
    fault = Fault(Refused({0: "no"}, table))
    fanned({"picky": FlakySink(Noting(), (fault,))}, store).hot(batch)
    (key,) = store.bodies
    assert key.startswith(f"refused/picky/{table}/shardId-000000000000-49600")


def test_a_sink_that_refuses_a_row_there_is_not_is_wrong_and_stops_the_shard() -> None:
    with pytest.raises(ValueError, match="sink picky refused row 3 of ticks, which has 1 rows"):
        fanned({"picky": Refusing(rows_refused=(3,))}).hot(hot([tick(1)]))


def test_all_are_opened_in_order_and_closed_in_the_opposite_one() -> None:
    sinks, diary = noting("a", "b")
    fanout = fanned(sinks)
    fanout.open()
    fanout.close()
    assert diary == ["a open", "b open", "b close", "a close"]


def test_an_open_that_fails_says_which_sink_and_closes_those_before_it() -> None:
    sinks, diary = noting("a", "b", "c")
    sinks["b"] = Noting("b", diary, OSError("open"))
    with pytest.raises(SinkFailed, match="sink b could not be opened: open"):
        fanned(sinks).open()
    assert diary == ["a open", "b open", "a close"]


def test_a_close_that_fails_leaves_no_other_sink_open() -> None:
    sinks, diary = noting("a", "b")
    sinks["b"] = Noting("b", diary, OSError("close"))
    with pytest.raises(OSError, match="close"):
        fanned(sinks).close()
    assert diary == ["b close", "a close"]


def test_the_first_object_of_a_cut_stays_whoever_writes_it_again() -> None:
    lake = MemoryLake()
    fanout = fanned({"lake": lake})
    fanout.cold(cut([tick(1)]))
    fanout.cold(cut([tick(1, sma_5=9.0)]))
    assert [row["sma_5"] for row in lake.rows("ticks")] == [None]
