"""Symbols have the slots that a plain list would give them, by either road."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.core.state import State
from kcl_app.core.symbols import Symbols
from tests.core.tape import cuttings

_names = st.one_of(
    st.integers(0, 400).map(lambda n: f"S{n}"),
    st.text("ABab.é€", min_size=1, max_size=10),
    st.sampled_from(["EIGHTLET", "NINELETTE", "EIGHTLET2", "a", "A", "日経平均"]),
)


def column(names: Any) -> Any:
    return np.array([*names, None], dtype=object)[:-1]


@given(st.lists(_names, max_size=300), cuttings())
def test_slots_are_places_in_the_order_of_first_sight(names: Any, shares: Any) -> None:
    state, known = State(()), list(dict.fromkeys(names))
    edges = [0, *sorted(int(share * len(names)) for share in shares), len(names)]
    slots = [slot for a, b in pairwise(edges) for slot in state.slots(column(names[a:b])).tolist()]
    assert slots == [known.index(name) for name in names]
    assert state.symbols == known
    assert state.names(np.array(slots, dtype=np.int64)).tolist() == names


@given(st.lists(_names, min_size=1, max_size=300, unique=True), st.lists(_names, max_size=50))
def test_all_at_once_and_one_by_one_find_the_same(known: Any, others: Any) -> None:
    symbols = Symbols()
    symbols.admit(known)
    wanted = [*known, *others]
    assert symbols.find(wanted, few=0).tolist() == symbols.find(wanted, few=10**9).tolist()
    assert symbols.find(known, few=0).tolist() == list(range(len(known)))


def test_a_copy_learns_nothing_from_its_original() -> None:
    state = State(())
    state.slots(column(["A"]))
    twin = state.copy()
    state.slots(column(["B"]))
    twin.slots(column(["C"]))
    assert (state.symbols, twin.symbols) == (["A", "B"], ["A", "C"])
    both = np.array([0, 1])
    assert (state.names(both).tolist(), twin.names(both).tolist()) == (["A", "B"], ["A", "C"])


def test_thousands_of_symbols_are_all_found_again() -> None:
    symbols, names = Symbols(), [f"X{n}" for n in range(20_000)]
    for first in range(0, 20_000, 3_000):
        symbols.admit(names[first : first + 3_000])
    assert symbols.find(names).tolist() == list(range(20_000))
    assert symbols.find([f"Y{n}" for n in range(1_000)]).tolist() == [-1] * 1_000
