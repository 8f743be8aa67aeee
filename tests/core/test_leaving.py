"""A bound on the symbols in memory changes no result: who leaves comes back as it was."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from kcl_app.core import leaving, snapshot
from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow
from kcl_app.core.indicators import indicator
from kcl_app.core.leaving import MemoryShelf
from kcl_app.core.live import Watermark
from kcl_app.core.position import Position
from kcl_app.core.snapshot import UnknownSnapshot, packed, unpacked
from tests.core.tape import at, bits, cuttings, placed_at, rules, tapes, ticks

RULES = rules("1m", "1h", "gap5m")
LIVE = replace(RULES, watermark=Watermark(5_000_000, 60_000_000))
bounds = st.integers(1, 12)


def begun(kind: type[Flow] = Flow, rules: Any = RULES) -> Flow:
    return kind("shard-0", rules, MemoryShelf())


def restarted(flow: Flow) -> Flow:
    return type(flow).restore(flow.shard, flow.rules, [flow.snapshot()], flow._shelf)


def same(flow: Flow) -> Flow:
    return flow


def end(part: Columns) -> Position | None:
    return Position(part["sequence"][-1], int(part["sub_sequence"][-1])) if part.size else None


def by_place(rows: Columns) -> Any:
    """Bars in an order that doesn't depend on where memory holds their symbols."""
    return bits(rows.take(np.lexsort((rows["part"], rows["start"], rows["symbol"].astype(str)))))


def played(flow: Flow, tape: Columns, cuts: Any, most: int, renew: Any = same) -> Any:
    """All that is said of the tape, cut by cut, with so many symbols kept after each."""
    said = []
    for a, b in pairwise([0, *cuts, tape.size]):
        part = tape.slice(a, b)
        fed = flow.feed(part)
        bars = {name: by_place(rows) for name, rows in flow.close(fed.ticks).items()}
        said.append((bits(fed.ticks), bits(fed.anomalies), bars))
        flow.leave(most, end(part))
        assert not most or flow.symbols <= most
        flow = renew(flow)
    return said


@given(tapes(), cuttings(), bounds)
def test_a_bound_changes_nothing_of_what_is_said(tape: Any, shares: Any, most: int) -> None:
    cuts = placed_at(tape, shares)
    assert played(begun(), tape, cuts, most) == played(begun(), tape, cuts, 0)


@given(tapes(), cuttings(), bounds)
def test_nor_does_it_with_a_restart_behind_each_cut(tape: Any, shares: Any, most: int) -> None:
    cuts = placed_at(tape, shares)
    assert played(begun(), tape, cuts, most, restarted) == played(begun(), tape, cuts, 0)


@given(tapes(), cuttings(), st.lists(bounds, min_size=1))
def test_the_bound_may_change_from_cut_to_cut(tape: Any, shares: Any, mosts: Any) -> None:
    cuts, drawn = placed_at(tape, shares), iter(mosts * 20)

    def renew(flow: Flow) -> Flow:
        flow.leave(next(drawn), Position("999999"))
        return flow

    assert played(begun(), tape, cuts, 5, renew) == played(begun(), tape, cuts, 0)


@given(tapes(), cuttings(), bounds)
def test_a_restart_leaves_the_same_objects_under_the_same_names(
    tape: Any, shares: Any, most: int
) -> None:
    """What a worker drops is decided by names: all workers must come to the same ones."""
    cuts, listed = placed_at(tape, shares), []
    for renew in (same, restarted):
        names: list[tuple[str, ...]] = []
        listed.append(names)
        said = noting(renew, names)
        played(begun(), tape, cuts, most, said)
    assert listed[0] == listed[1]


def noting(renew: Callable[[Flow], Flow], names: list[tuple[str, ...]]) -> Callable[[Flow], Flow]:
    def noted(flow: Flow) -> Flow:
        names.append(flow.left)
        return renew(flow)

    return noted


@given(tapes(), cuttings(), bounds)
def test_a_name_that_is_listed_no_more_never_comes_back(tape: Any, shares: Any, most: int) -> None:
    """So what lies behind a checkpoint and isn't listed there can be dropped."""
    names: list[tuple[str, ...]] = []
    cuts = placed_at(tape, shares)
    played(begun(), tape, cuts, most, noting(restarted, names))
    for before, after in pairwise(names):
        assert all(name in before or name > max(before, default="") for name in after)


@given(tapes(most=80), st.floats(0, 1), st.floats(0, 1), cuttings(), st.lists(bounds, min_size=4))
def test_a_split_and_a_merge_change_nothing(
    tape: Any, split: Any, merge: Any, shares: Any, mosts: Any
) -> None:
    first, second = placed_at(tape, [split, merge])
    cuts = placed_at(tape, shares)
    left = np.array([sum(symbol.encode()) % 2 == 0 for symbol in tape["symbol"]], dtype=bool)
    shelf = MemoryShelf()
    rows = np.arange(tape.size)
    told: list[Columns] = []

    def told_by(name: str, bodies: list[bytes], which: Any, most: int) -> bytes:
        flow = Flow.restore(name, RULES, bodies, shelf)
        for a, b in pairwise([0, *cuts, tape.size]):
            part = tape.take(which[(which >= a) & (which < b)])
            fed = flow.feed(part)
            told.append(fed.ticks)
            flow.close(fed.ticks)
            flow.leave(most, end(part))
        return flow.snapshot()

    parent = told_by("parent", [], rows[:first], mosts[0])
    children = [
        told_by(f"child-{n}", [parent], rows[first:second][side[first:second]], mosts[1 + n])
        for n, side in enumerate((left, ~left))
    ]
    last = told_by("last", children, rows[second:], mosts[3])
    together = Columns.joined(told)
    order = np.argsort(together["record"], kind="stable")
    whole = begun().feed(tape).ticks
    assert bits(together.take(order)) == bits(whole)
    # And once more from the last one's snapshot: all symbols are where they belong.
    again, plain = Flow.restore("again", RULES, [last], shelf), begun()
    plain.feed(tape)
    assert bits(again.feed(tape).ticks) == bits(plain.feed(tape).ticks)


@given(tapes(), st.floats(0, 1), bounds)
def test_going_back_to_a_copy_forgets_who_came_back(tape: Any, share: Any, most: int) -> None:
    (here,) = placed_at(tape, [share])
    one, part = begun(), tape.slice(0, here)
    one.close(one.feed(part).ticks)
    one.leave(most, end(part))
    back, before = one.copy(), one.snapshot()
    said = played(one, tape.slice(here, tape.size), [], most)
    assert back.snapshot() == before
    assert played(back, tape.slice(here, tape.size), [], most) == said


def test_what_is_listed_stays_about_twice_what_left() -> None:
    draw, flow, most = Random(5), begun(), 0
    for n in range(400):
        some = ticks([{"symbol": f"S{draw.randrange(60)}", "price": 10 + n} for _ in range(3)], n)
        flow.close(flow.feed(some).ticks)
        flow.leave(8, Position(str(10_000 + n)))
        most = max(most, rows_listed(flow))
    assert 52 <= most <= 2 * 60


def rows_listed(flow: Flow) -> int:
    return sum(unpacked(flow._shelf.index(name))[0].num_rows for name in flow.left)


# --- live bars ---------------------------------------------------------------------------


def heard(flow: Flow, tape: Columns, cuts: Any, most: int, renew: Any = same) -> Any:
    """What hot sinks hear of each cut's call."""
    said = []
    for a, b in pairwise([0, *cuts, tape.size]):
        fed = flow.feed(tape.slice(a, b))
        said.append(
            [{n: by_place(r) for n, r in k.items()} for k in (fed.live.current, fed.live.closed)]
        )
        flow.close(fed.ticks)
        flow.leave(most, end(tape.slice(a, b)))
        flow = renew(flow)
    return said


@given(tapes(), cuttings(), bounds)
def test_hot_sinks_hear_the_same_of_all_that_ticks_close(tape: Any, shares: Any, most: int) -> None:
    never_idle = replace(LIVE, watermark=Watermark(5_000_000, 10**17))
    cuts = placed_at(tape, shares)
    one, other = begun(rules=never_idle), begun(rules=never_idle)
    assert heard(one, tape, cuts, most) == heard(other, tape, cuts, 0)


@given(tapes(), cuttings(), bounds)
def test_a_restart_changes_nothing_of_what_is_heard(tape: Any, shares: Any, most: int) -> None:
    cuts = placed_at(tape, shares)
    one, other = begun(rules=LIVE), begun(rules=LIVE)
    assert heard(one, tape, cuts, most, restarted) == heard(other, tape, cuts, most)


def test_a_bar_that_leaves_open_is_told_as_closed_when_its_symbol_comes_back() -> None:
    """
    0s  A opens its bar      A leaves      100s: silence would close it      200s  A again
    |----------------------------|-------------------------------------------------|
    """
    flow = begun(rules=LIVE)
    left_behind(flow, one("A", 0), one("B", 1))
    assert flow.idle(ARRIVED + 100_000_000).closed.get("1m", NOTHING).size == 1
    told = flow.feed(one("A", 2, at(seconds=200))).live.closed["1m"]
    assert [(s, t) for s, t in zip(told["symbol"], told["ticks"], strict=True)] == [("A", 1)]


@given(tapes(), cuttings(), cuttings(), bounds)
def test_names_do_not_depend_on_calls_though_live_marks_do(
    tape: Any, shares: Any, calls: Any, most: int
) -> None:
    """A cut's objects have one name for all workers, however the KCL dealt its records."""
    cuts = placed_at(tape, shares)
    names = []
    for batches in ([], placed_at(tape, calls)):
        flow: Flow = begun(rules=LIVE)
        listed = []
        for a, b in pairwise([0, *cuts, tape.size]):
            edges = [a, *(c for c in batches if a < c < b), b]
            fed = [flow.feed(tape.slice(x, y)).ticks for x, y in pairwise(edges)]
            flow.close(Columns.joined(fed))
            flow.leave(most, end(tape.slice(a, b)))
            listed.append(flow.left)
        names.append(listed)
    assert names[0] == names[1]


# --- one by one --------------------------------------------------------------------------

ARRIVED = 1_738_333_800_000_000
NOTHING = Columns({})


def one(symbol: str, place: int, when: str | None = None) -> Columns:
    return ticks([{"symbol": symbol, "price": 10 + place, "timestamp": when or at()}], place)


def left_behind(flow: Flow, *parts: Columns, most: int = 1) -> None:
    """Each part is a cut of its own."""
    for part in parts:
        flow.close(flow.feed(part).ticks)
        flow.leave(most, end(part))


def test_who_was_seen_longest_ago_leaves_until_three_quarters_remain() -> None:
    flow = begun()
    left_behind(flow, *(one(f"S{n}", n) for n in range(8)), one("S0", 8), most=8)
    assert flow.symbols == 8
    left_behind(flow, one("S8", 9), most=8)
    assert flow._state.symbols == ["S0", "S4", "S5", "S6", "S7", "S8"]


def test_of_one_record_the_smaller_name_leaves_first() -> None:
    line = ticks([{"symbol": symbol, "price": 1} for symbol in "CAB"])
    record = line.having(sequence=np.full(3, "7", dtype=object))
    flow = begun()
    left_behind(flow, record, most=2)
    assert flow._state.symbols == ["C", "B"]


def test_up_to_the_bound_nothing_leaves_and_the_snapshot_keeps_its_format() -> None:
    flow, plain = begun(), begun()
    left_behind(flow, one("A", 0), one("B", 1), most=2)
    left_behind(plain, one("A", 0), one("B", 1), most=0)
    assert (flow.left, flow.snapshot()) == ((), plain.snapshot())


@pytest.mark.parametrize(
    "symbol",
    ["A", "SIXTEEN-LETTERS.", "SEVENTEEN-LETTERS", "X" * 64, "\u00d6MV", "\U0001f680" * 5],
)
def test_a_name_of_any_length_and_script_comes_back(symbol: str) -> None:
    flow, plain = begun(), begun()
    for road, most in ((flow, 1), (plain, 0)):
        left_behind(road, *(one(symbol, n) for n in range(5)), one("B", 5), most=most)
    assert symbol not in flow._state.symbols
    again = one(symbol, 6)
    assert bits(flow.feed(again).ticks) == bits(plain.feed(again).ticks)


def test_a_symbol_that_nobody_saw_is_new_though_others_left() -> None:
    flow = begun()
    left_behind(flow, one("A", 0), one("B", 1))
    assert bits(flow.feed(one("C", 2)).ticks) == bits(begun().feed(one("C", 2)).ticks)


def test_many_that_leave_at_once_lie_in_objects_of_a_bounded_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leaving, "ROWS", 3)
    flow, plain, every = begun(), begun(), [one(f"S{n}", n) for n in range(9)]
    for road, most in ((flow, 1), (plain, 0)):
        left_behind(road, Columns.joined(every), most=most)
    assert len(flow.left) == 3
    assert bits(flow.feed(every[0]).ticks) == bits(plain.feed(every[0]).ticks)


def test_an_object_whose_symbols_all_came_back_is_listed_no_more() -> None:
    flow = begun()
    left_behind(flow, one("A", 0), one("B", 1), one("C", 2))
    assert len(flow.left) == 2
    left_behind(flow, *(one(symbol, 3 + n) for n, symbol in enumerate("ABC")), most=0)
    assert not flow.left


def test_indicators_that_were_added_since_begin_anew_for_those_who_come_back() -> None:
    """As they do for symbols in memory: a field that is missing begins as for a new symbol."""
    flow = begun()
    left_behind(flow, one("A", 0), one("B", 1))
    more = replace(RULES, more=(indicator("ema_3"),))
    later = Flow.restore("shard-0", more, [flow.snapshot()], flow._shelf)
    fed = later.feed(one("A", 2)).ticks
    assert (fed["ema_3"].tolist(), later._state.symbols) == ([12.0], ["B", "A"])


def test_an_object_with_other_symbols_than_its_index_says_stops() -> None:
    flow = begun()
    left_behind(flow, one("A", 0), one("B", 1), one("C", 2))
    (a, b), shelf = flow.left, flow._shelf
    assert isinstance(shelf, MemoryShelf)
    shelf.objects[a] = (shelf.states(b), shelf.index(a))
    with pytest.raises(UnknownSnapshot, match="other symbols than its index says"):
        flow.feed(one("A", 2))


# --- formats -----------------------------------------------------------------------------


def test_a_release_without_left_symbols_refuses_a_snapshot_that_lists_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flow = begun()
    left_behind(flow, one("A", 0), one("B", 1))
    monkeypatch.setattr(snapshot, "_STREAMS", {"1": 2})
    with pytest.raises(UnknownSnapshot, match="format 2, this release reads 1: run the release"):
        restarted(flow)


def test_it_goes_on_with_one_that_lists_none(monkeypatch: pytest.MonkeyPatch) -> None:
    flow, plain = begun(), begun()
    for road in (flow, plain):
        left_behind(road, one("A", 0), one("B", 1), most=2)
    monkeypatch.setattr(snapshot, "_STREAMS", {"1": 2})
    assert bits(restarted(flow).feed(one("A", 2)).ticks) == bits(plain.feed(one("A", 2)).ticks)


def test_a_snapshot_without_its_list_is_refused() -> None:
    flow = begun()
    left_behind(flow, one("A", 0), one("B", 1))
    short = packed(*unpacked(flow.snapshot())[:2])
    with pytest.raises(UnknownSnapshot, match="2 of 3 parts"):
        Flow.restore("shard-0", RULES, [short], flow._shelf)


# --- broken on purpose -------------------------------------------------------------------


class Forgetful(Flow):
    """Broken: who comes back begins anew."""

    def _recall(self, symbols: Any) -> None:
        pass


class Unlisted(Flow):
    """Broken: the snapshot lists nothing."""

    @property
    def left(self) -> Any:
        return ()


class LastLeaves(Flow):
    """Broken: a state that left is not the last one, but that of the cut before."""

    def leave(self, most: int, at: Any) -> None:
        now = self._state
        if at is not None and len(now) > most:
            now["prices"][:, -1] = np.nan
        super().leave(most, at)


@pytest.mark.parametrize("broken", [Forgetful, Unlisted, LastLeaves])
def test_the_property_catches_a_broken_return(broken: Any) -> None:
    def differs(kind: Any, case: Any) -> bool:
        tape, shares, most = case
        cuts = placed_at(tape, shares)
        broken = played(begun(kind), tape, cuts, most, restarted)
        return bool(broken != played(begun(), tape, cuts, 0))

    case = find(
        st.tuples(tapes(8, 80), cuttings(), st.integers(1, 4)),
        lambda case: differs(broken, case),
        settings=settings(max_examples=1500, database=None, phases=[Phase.generate]),
    )
    assert not differs(Flow, case)
