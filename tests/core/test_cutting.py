"""Results do not depend on how the stream is cut, on restarts, or on resharding."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow
from tests.core.tape import bits, cuttings, fed_in, flow, merged, placed_at, prices, rules, tapes

INTERVALS = ("1m", "5m", "1h", "1d")


def told(fed: Any) -> Any:
    """All that was said, as one."""
    ticks = Columns.joined([part.ticks for part in fed])
    return bits(ticks), bits(Columns.joined([part.anomalies for part in fed]))


def restarted(flow: Flow) -> Flow:
    return Flow.restore(flow.shard, flow.rules, [flow.snapshot()])


def bars_of(flow: Flow, tape: Columns, cuts: Any, renew: Any = lambda flow: flow) -> Any:
    """All bar rows of the tape, with a cut closed before each of the given rows."""
    rows: dict[str, list[Columns]] = {name: [] for name in INTERVALS}
    for a, b in pairwise([0, *cuts, tape.size]):
        fed = flow.feed(tape.slice(a, b))
        for interval, bars in flow.close(fed.ticks).items():
            rows[interval].append(bars)
        flow = renew(flow)
    return {name: merged(Columns.joined(some)) for name, some in rows.items() if some}


@given(tapes(), cuttings())
def test_any_cutting_into_batches_gives_the_same_bits(tape: Any, shares: Any) -> None:
    cuts = placed_at(tape, shares)
    assert told(fed_in(flow(), tape, cuts)) == told([flow().feed(tape)])


@given(tapes(), cuttings())
def test_any_restart_gives_the_same_bits(tape: Any, shares: Any) -> None:
    one, parts = flow(), []
    for a, b in pairwise([0, *placed_at(tape, shares), tape.size]):
        parts.append(one.feed(tape.slice(a, b)))
        one = restarted(one)
    assert told(parts) == told([flow().feed(tape)])


@given(tapes())
def test_each_symbol_is_told_the_same_on_a_shard_of_its_own(tape: Any) -> None:
    whole = flow().feed(tape).ticks
    for symbol in set(tape["symbol"].tolist()):
        rows = tape["symbol"] == symbol
        assert bits(flow().feed(tape.take(rows)).ticks) == bits(whole.take(rows))


@given(tapes(), st.floats(0, 1), st.floats(0, 1))
def test_a_split_and_a_merge_of_shards_change_nothing(tape: Any, split: Any, merge: Any) -> None:
    first, second = placed_at(tape, [split, merge])
    parent = flow()
    parts = [parent.feed(tape.slice(0, first)).ticks]
    left = np.array([hash_of(symbol) for symbol in tape["symbol"]], dtype=bool)
    children = []
    for side in (left, ~left):
        child = Flow.restore("child", parent.rules, [parent.snapshot()])
        middle = np.arange(first, second)
        parts.append(child.feed(tape.take(middle[side[first:second]])).ticks)
        children.append(child.snapshot())
    last = Flow.restore("merged", parent.rules, children)
    parts.append(last.feed(tape.slice(second, tape.size)).ticks)
    whole = flow().feed(tape).ticks
    together = Columns.joined(parts)
    order = np.argsort(together["record"], kind="stable")
    assert bits(together.take(order)) == bits(whole)


def hash_of(symbol: str) -> bool:
    return sum(symbol.encode()) % 2 == 0


@given(tapes(), cuttings())
def test_a_cut_closes_the_same_bars_whatever_its_batches(tape: Any, shares: Any) -> None:
    together, apart = flow(*INTERVALS), flow(*INTERVALS)
    whole = together.close(together.feed(tape).ticks)
    parts = fed_in(apart, tape, placed_at(tape, shares))
    bars = apart.close(Columns.joined([part.ticks for part in parts]))
    assert {name: bits(rows) for name, rows in bars.items()} == {
        name: bits(rows) for name, rows in whole.items()
    }


@given(tapes(), cuttings())
def test_final_bars_are_the_same_for_any_cuts(tape: Any, shares: Any) -> None:
    whole = bars_of(flow(*INTERVALS), tape, [])
    assert bars_of(flow(*INTERVALS), tape, placed_at(tape, shares)) == whole


@given(tapes(), cuttings(3))
def test_final_bars_are_the_same_for_any_restarts(tape: Any, shares: Any) -> None:
    whole = bars_of(flow("1m", "1h"), tape, [])
    assert bars_of(flow("1m", "1h"), tape, placed_at(tape, shares), restarted) == whole


@given(tapes(), st.floats(0, 1))
def test_going_back_to_a_copy_is_as_if_nothing_had_been_fed(tape: Any, share: Any) -> None:
    (here,) = placed_at(tape, [share])
    one = flow(*INTERVALS)
    one.feed(tape.slice(0, here))
    back = one.copy()
    one.close(one.feed(tape.slice(here, tape.size)).ticks)
    straight = flow(*INTERVALS)
    straight.feed(tape.slice(0, here))
    assert back.snapshot() == straight.snapshot()


class Forgetful(Flow):
    """Broken: begins anew with each call."""

    def feed(self, ticks: Any) -> Any:
        self._state = type(self._state)(self.rules.fields())
        return super().feed(ticks)


class HalfSaved(Flow):
    """Broken: its snapshot lacks the last prices."""

    def snapshot(self) -> Any:
        whole = self.copy()
        whole._state["prices"][:] = np.nan
        return Flow.snapshot(whole)


class Pooled(Flow):
    """Broken: takes a symbol in another case for the same."""

    def feed(self, ticks: Any) -> Any:
        lower = np.array([s.lower() for s in ticks["symbol"]], dtype=object)
        return super().feed(ticks.having(symbol=lower))


def differs(broken: Any, tape: Any, cuts: Any) -> Any:
    one, parts = broken("shard-0", rules()), []
    for a, b in pairwise([0, *cuts, tape.size]):
        parts.append(one.feed(tape.slice(a, b)))
        one = broken.restore("shard-0", one.rules, [one.snapshot()])
    return told(parts) != told([flow().feed(tape)])


@pytest.mark.parametrize("broken", [Forgetful, HalfSaved, Pooled])
def test_the_property_catches_a_broken_flow(broken: Any) -> None:
    """Hypothesis finds a tape and a cutting at which the broken flow differs."""
    tape, shares = find(
        st.tuples(tapes(2, 60), cuttings()),
        lambda case: differs(broken, case[0], placed_at(case[0], case[1])),
        settings=settings(max_examples=300, database=None, phases=[Phase.generate]),
    )
    assert tape.size
    assert not differs(Flow, tape, placed_at(tape, shares))


def test_the_search_finds_nothing_where_nothing_is_broken() -> None:
    with pytest.raises(NoSuchExample):
        find(
            st.tuples(tapes(2, 20), cuttings(3)),
            lambda case: differs(Flow, case[0], placed_at(case[0], case[1])),
            settings=settings(max_examples=50, database=None),
        )


def test_an_empty_call_says_nothing_and_changes_nothing() -> None:
    one = flow()
    one.feed(prices(1, 2, 3))
    before = one.snapshot()
    fed = one.feed(prices())
    assert (fed.ticks.size, fed.anomalies.size, one.close(fed.ticks)) == (0, 0, {})
    assert one.snapshot() == before
