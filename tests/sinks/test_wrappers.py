from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from config.settings import SinkUse
from kcl_app.core.contract import Refused, Retry, Sink
from kcl_app.plugins import PluginError, build
from sinks.flaky import Fault, FlakySink
from sinks.memory import MemoryLake, MemorySink
from sinks.samples import anomaly, cut, hot, tick
from sinks.testing import SinkContract
from sinks.wrappers import Fallback, Filtering, Retrying


class Wrapped(SinkContract):
    @pytest.fixture(autouse=True)
    def storage(self) -> None:
        self.held: dict[str, Any] = {}

    def read(self) -> Iterable[Any]:
        return [row for rows in self.held.values() for row in rows.values()]


class TestRetrying(Wrapped):
    def make(self) -> Sink:
        return Retrying(MemorySink(self.held))


class TestFiltering(Wrapped):
    def make(self) -> Sink:
        return Filtering(MemorySink(self.held), "anomalies", "severity", ("high",))


class TestFallback(Wrapped):
    def make(self) -> Sink:
        return Fallback(MemorySink(self.held), MemorySink({}))


class TestFlakySink(Wrapped):
    def make(self) -> Sink:
        return FlakySink(MemorySink(self.held))


def retrying(*faults: Fault | None, attempts: int = 3) -> tuple[Retrying, MemorySink, list[float]]:
    memory, slept = MemorySink(), list[float]()
    sink = Retrying(FlakySink(memory, faults), attempts)
    sink.sleep = slept.append
    return sink, memory, slept


def test_retrying_tries_any_error_again_and_waits_longer_each_time() -> None:
    sink, memory, slept = retrying(Fault(OSError()), Fault(ValueError()), None)
    sink.write(hot([tick(1)]))
    assert slept == [0.2, 0.4]
    assert len(memory.rows("ticks")) == 1


def test_retrying_gives_the_last_error_when_its_attempts_are_spent() -> None:
    sink, _, _ = retrying(Fault(OSError("1")), Fault(OSError("2")), Fault(OSError("3")))
    with pytest.raises(OSError, match="3"):
        sink.write(hot([tick(1)]))


@pytest.mark.parametrize("error", [Retry(1.0), Refused({0: "no"})])
def test_retrying_passes_on_what_already_names_its_recovery(error: Exception) -> None:
    sink, _, slept = retrying(Fault(error))
    with pytest.raises(type(error)):
        sink.write(hot([tick(1)]))
    assert slept == []


def test_filtering_passes_on_chosen_rows_and_all_other_tables() -> None:
    memory = MemorySink()
    sink = Filtering(memory, "ticks", "symbol", ("AMD", "FB"))
    sink.write(hot([tick(1), tick(2, symbol="X"), tick(3, symbol="AMD")], [anomaly(2)]))
    assert [row["symbol"] for row in memory.rows("ticks")] == ["FB", "AMD"]
    assert len(memory.rows("anomalies")) == 1


def test_filtering_by_a_column_without_a_value_drops_the_row() -> None:
    memory = MemorySink()
    Filtering(memory, "ticks", "source", ("yahoo",)).write(hot([tick(1), tick(2, source="yahoo")]))
    assert [row["source"] for row in memory.rows("ticks")] == ["yahoo"]


def test_rows_refused_behind_a_filter_are_counted_as_the_batch_outside_counts_them() -> None:
    inner = FlakySink(MemorySink(), (Fault(Refused({1: "no"})),))
    with pytest.raises(Refused) as refused:
        Filtering(inner, "ticks", "symbol", ("FB",)).write(
            hot([tick(1), tick(2, symbol="X"), tick(3)])
        )
    assert refused.value.rows == {2: "no"}


@pytest.mark.parametrize(
    ("table", "column", "sentence"),
    [("tick", "symbol", "'tick' is not one of ticks"), ("ticks", "name", "'name' is not in ticks")],
)
def test_filtering_by_what_there_is_not_is_refused(table: str, column: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Filtering(MemorySink(), table, column, ("x",))


def test_a_cut_cannot_be_filtered() -> None:
    with pytest.raises(ValueError, match="cannot be filtered"):
        Filtering(MemoryLake(), "ticks", "symbol", ("FB",))


def test_fallback_writes_to_the_second_only_what_the_first_cannot_take_now() -> None:
    first, second = MemorySink(), MemorySink()
    sink = Fallback(FlakySink(first, (None, Fault(Retry(1.0)), None)), second)
    for n in range(3):
        sink.write(hot([tick(n)]))
    assert [row["price"] for row in first.rows("ticks")] == [100.0, 100.02]
    assert [row["price"] for row in second.rows("ticks")] == [100.01]


def test_fallback_passes_on_other_errors() -> None:
    sink = Fallback(FlakySink(MemorySink(), (Fault(OSError("disk full")),)), MemorySink())
    with pytest.raises(OSError, match="disk full"):
        sink.write(hot([tick(1)]))


def test_fallback_wants_two_sinks_of_one_kind() -> None:
    with pytest.raises(ValueError, match="both sinks must take the same"):
        Fallback(MemorySink(), MemoryLake())


def test_a_wrapped_sink_is_written_when_the_inner_one_wants_it() -> None:
    assert Retrying(MemoryLake()).when == "cut"
    assert Retrying(MemoryLake()).guarantee == MemoryLake.guarantee


def test_the_site_reaches_the_inner_sink_before_it_opens() -> None:
    inner = MemorySink()
    outer = Retrying(inner)
    outer.site = "here"
    outer.open()
    assert inner.site == "here"


def test_wrappers_are_plugins_whose_inner_sink_is_a_table_of_the_settings() -> None:
    use = SinkUse.model_validate({"use": "retrying", "sink": {"use": "parquet"}, "attempts": 2})
    (built,) = build([use], None).values()
    assert isinstance(built, Retrying)
    assert (built.when, built.attempts) == ("cut", 2)


def test_a_wrapper_without_its_sink_is_refused() -> None:
    with pytest.raises(PluginError, match="retrying needs sink"):
        build([SinkUse(use="retrying")], None)


def test_a_filtered_cut_is_whole() -> None:
    lake = MemoryLake()
    Retrying(lake).write(cut([tick(1)]))
    assert len(lake.rows("ticks")) == 1
