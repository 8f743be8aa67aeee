"""A producer's repeat is left out once, counted, and forgotten when the horizon has passed."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow
from kcl_app.core.records import Records
from kcl_app.core.repeats import Horizon
from tests.core.tape import DECODER, at, bits, cuttings, placed_at, rules


def tape(*rows: Any) -> Any:
    """Ticks of (symbol, id, arrival in seconds)."""
    data = [
        json.dumps({"symbol": s, "id": name, "price": n + 1, "timestamp": at(seconds=n)}).encode()
        for n, (s, name, _) in enumerate(rows)
    ]
    arrivals = [1_738_333_800_000 + int(second * 1000) for _, _, second in rows]
    count = len(rows)
    return DECODER.decode(
        Records([str(100 + n) for n in range(count)], [0] * count, arrivals, ["k"] * count, data)
    ).ticks


def flow(seconds: Any = 300.0, most: Any = 100) -> Any:
    return Flow("shard-0", replace(rules(), horizon=Horizon(seconds, most)))


def kept(fed: Any) -> Any:
    return fed.ticks["price"].tolist()


def test_the_second_of_two_equal_ids_is_left_out_and_counted() -> None:
    fed = flow().feed(tape(("A", "x", 0), ("A", "y", 0), ("A", "x", 1)))
    assert (kept(fed), fed.repeats) == ([1, 2], 1)


def test_a_repeat_in_a_later_call_is_left_out_too() -> None:
    rows, road = tape(("A", "x", 0), ("A", "x", 1), ("A", "x", 2)), flow()
    fed = [road.feed(rows.slice(n, n + 1)) for n in range(3)]
    assert [(kept(one), one.repeats) for one in fed] == [([1], 0), ([], 1), ([], 1)]


def test_a_repeat_changes_no_rolling_value() -> None:
    rows = tape(*[("A", str(n), n) for n in range(6)], ("A", "5", 6), ("A", "6", 7))
    once = rows.take([0, 1, 2, 3, 4, 5, 7])
    assert bits(flow().feed(rows).ticks) == bits(flow().feed(once).ticks)


def test_one_id_on_two_symbols_is_no_repeat() -> None:
    assert flow().feed(tape(("A", "x", 0), ("B", "x", 0))).repeats == 0


def test_ticks_without_an_id_are_no_repeats() -> None:
    assert flow().feed(tape(("A", None, 0), ("A", None, 0))).repeats == 0


def test_a_number_and_its_text_are_one_id() -> None:
    assert flow().feed(tape(("A", 7, 0), ("A", "7", 0))).repeats == 1


def test_an_id_counts_for_as_long_as_the_horizon_reaches() -> None:
    within = flow(seconds=10).feed(tape(("A", "x", 0), ("A", "x", 10)))
    beyond = flow(seconds=10).feed(tape(("A", "x", 0), ("A", "x", 10.001)))
    assert (within.repeats, beyond.repeats) == (1, 0)


def test_a_repeat_does_not_prolong_its_ids_time() -> None:
    assert flow(seconds=10).feed(tape(("A", "x", 0), ("A", "x", 8), ("A", "x", 16))).repeats == 1


def test_an_arrival_that_runs_backwards_does_not_bring_back_what_was_forgotten() -> None:
    rows = tape(("A", "x", 0), ("A", "y", 20), ("A", "x", 5))
    assert flow(seconds=10).feed(rows).repeats == 0


def test_only_so_many_ids_are_remembered() -> None:
    rows = tape(("A", "x", 0), ("A", "y", 0), ("A", "z", 0), ("A", "x", 0), ("A", "z", 0))
    road = flow(most=2)
    assert (road.feed(rows).repeats, len(road._repeats)) == (1, 2)


def test_a_horizon_of_no_ids_keeps_repeats() -> None:
    assert flow(most=0).feed(tape(("A", "x", 0), ("A", "x", 0))).repeats == 0


def test_a_child_shard_knows_its_parents_ids() -> None:
    left, right = flow(), flow()
    left.feed(tape(("A", "x", 0)))
    right.feed(tape(("B", "y", 0)))
    child = Flow.restore("child", left.rules, [left.snapshot(), right.snapshot()])
    assert child.feed(tape(("A", "x", 1), ("B", "y", 1), ("B", "z", 1))).repeats == 2


_rows = st.tuples(
    st.sampled_from("AB"), st.sampled_from([None, "1", "2", "3", "4", "5"]), st.integers(0, 40)
)


@pytest.mark.parametrize("most", [1, 3, 100])
@given(rows=st.lists(_rows, min_size=1, max_size=60), shares=cuttings(), restart=st.booleans())
def test_any_cutting_and_restart_leave_out_the_same(
    most: Any, rows: Any, shares: Any, restart: Any
) -> None:
    every, whole, one = tape(*rows), flow(10, most), flow(10, most)
    parts = []
    for a, b in pairwise([0, *placed_at(every, shares), every.size]):
        parts.append(one.feed(every.slice(a, b)))
        one = Flow.restore("shard-0", one.rules, [one.snapshot()]) if restart else one
    fed = whole.feed(every)
    assert sum(part.repeats for part in parts) == fed.repeats
    assert bits(Columns.joined([part.ticks for part in parts])) == bits(fed.ticks)


def row_by_row(rows: Any, seconds: Any, most: Any) -> Any:
    """Which rows are no repeats, by the rules read literally: a list and a clock."""
    accepted: list[Any] = []
    clock, fresh = 0.0, []
    for symbol, name, arrival in rows:
        clock = max(clock, arrival)
        accepted = [(key, at) for key, at in accepted if clock - at <= seconds][-most:]
        fresh.append(name is None or (symbol, name) not in [key for key, _ in accepted])
        if fresh[-1] and name is not None:
            accepted.append(((symbol, name), clock))
    return fresh


@pytest.mark.parametrize("most", [1, 2, 5, 100])
@given(rows=st.lists(_rows, min_size=1, max_size=80), shares=cuttings())
def test_the_rules_read_row_by_row_leave_out_the_same(most: Any, rows: Any, shares: Any) -> None:
    every, one = tape(*rows), flow(10, most)
    edges = [0, *placed_at(every, shares), every.size]
    said = [price for a, b in pairwise(edges) for price in kept(one.feed(every.slice(a, b)))]
    fresh = row_by_row(rows, 10, most)
    assert said == [n + 1.0 for n, new in enumerate(fresh) if new]
