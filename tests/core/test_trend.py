"""SMA 5 against SMA 20: where they tie in prices they tie, whatever a float's last bit says."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.core.columns import Columns
from tests.core.tape import bits, cuttings, fed_in, flow, placed_at, prices


def sides(units: Any) -> Any:
    """Of whole numbers: which mean lies above, once there are twenty."""
    windows = [units[end - 20 : end] for end in range(20, len(units) + 1)]
    means = [4 * sum(window[-5:]) - sum(window) for window in windows]
    return [0] * 19 + [(apart > 0) - (apart < 0) for apart in means]


def crossings(units: Any) -> Any:
    last, found = 0, []
    for side in sides(units):
        found.append(side if side and last and side != last else 0)
        last = side or last
    return found


def trend(tape: Any) -> Any:
    return flow().feed(tape).ticks["trend"].tolist()


def test_a_tie_that_floats_tell_apart_is_no_crossing() -> None:
    rising = [10.1, 10.2, 10.3, 10.4]
    tied = [*rising * 5, 10.3, 10.3, 10.3, 10.3, 10.1]
    got = flow().feed(prices(*tied)).ticks
    units = [round(price * 10) for price in tied]
    differ = np.flatnonzero((got["sma_5"] != got["sma_20"]) & (np.array(sides(units)) == 0))
    assert any(row >= 19 for row in differ.tolist())
    assert got["trend"].tolist() == crossings(units)


@given(
    st.lists(st.integers(0, 4), min_size=20, max_size=150),
    st.sampled_from([10**8, 10**7, 1, 10**4, 10**16]),
    cuttings(),
)
def test_crossings_are_those_of_whole_numbers(steps: Any, unit: Any, shares: Any) -> None:
    units = [unit * (step + 3) for step in steps]
    tape = prices(*[count / 10**8 for count in units])
    assert trend(tape) == crossings(units)
    parts = fed_in(flow(), tape, placed_at(tape, shares))
    assert bits(Columns.joined([part.ticks for part in parts])) == bits(flow().feed(tape).ticks)


@given(st.lists(st.integers(1, 10**17 - 10**9), min_size=20, max_size=60))
def test_prices_of_any_size_cross_as_their_counts_do(units: Any) -> None:
    values = [count / 10**8 for count in units]
    counts = [_counted(value) for value in values]
    assert trend(prices(*values)) == crossings(counts)


def _counted(price: float) -> int:
    whole = int(price)
    return whole * 10**8 + round((price - whole) * 10**8)
