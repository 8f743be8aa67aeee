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

from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow
from kcl_app.core.leaving import MemoryShelf
from kcl_app.core.live import Watermark
from kcl_app.core.position import Position
from kcl_app.core.snapshot import unpacked
from tests.core.tape import bits, cuttings, placed_at, rules, tapes, ticks

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
