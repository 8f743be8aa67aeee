"""Wide integers add, multiply and divide as Python's do."""

from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.core.exact import Wide
from kcl_app.core.quotient import quotients

_prices = st.integers(1, 10**17 - 1)
_amounts = st.integers(0, 9 * 10**18)
_pairs = st.lists(st.tuples(_prices, _amounts), min_size=1, max_size=50)


def columns(pairs: Any) -> Any:
    return (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))


@given(_pairs)
def test_products_are_exact(pairs: Any) -> None:
    prices, amounts = columns(pairs)
    assert Wide.product(prices, amounts).integers() == [p * v for p, v in pairs]


@given(_pairs, st.lists(st.integers(1, 49)))
def test_sums_of_runs_are_exact(pairs: Any, borders: Any) -> None:
    starts = sorted({0, *(b for b in borders if b < len(pairs))})
    ends = [*starts[1:], len(pairs)]
    pairs = [(p, v // 10**7) for p, v in pairs]
    prices, amounts = columns(pairs)
    assert Wide.product(prices, amounts).sums(np.array(starts)).integers() == [
        sum(p * v for p, v in pairs[a:b]) for a, b in zip(starts, ends, strict=True)
    ]


@given(_pairs)
def test_addition_carries(pairs: Any) -> None:
    prices, amounts = columns([(p, v // 2) for p, v in pairs])
    once = Wide.product(prices, amounts)
    assert (once + once).integers() == [2 * p * (v // 2) for p, v in pairs]


@given(_pairs)
def test_the_vwap_is_the_nearest_double_to_the_true_quotient(pairs: Any) -> None:
    prices, amounts = columns(pairs)
    got = quotients(Wide.product(prices, amounts), Wide.of(amounts), 10**8)
    for (price, amount), value in zip(pairs, got.tolist(), strict=True):
        assert value == (price / 10**8) if amount else np.isnan(value)


@given(st.lists(_amounts, min_size=1))
def test_a_quotient_by_an_integer_is_the_nearest_double(amounts: Any) -> None:
    got = Wide.of(np.array(amounts, dtype=np.int64)).over(10**6)
    assert got.tolist() == [amount / 10**6 for amount in amounts]


def test_wide_integers_are_decimals_in_memory() -> None:
    wide = Wide.product(np.array([123_456_789_012]), np.array([9_000_000_000_000_000_000]))
    kind = pa.decimal128(38, 14)
    memory = pa.py_buffer(wide.decimals())
    value = pa.Array.from_buffers(kind, 1, [None, memory])[0].as_py()
    assert value == Decimal(123_456_789_012 * 9_000_000_000_000_000_000).scaleb(-14)


@given(
    st.lists(
        st.tuples(st.integers(0, 2**120), st.integers(1, 2**70), st.integers(0, 8)), min_size=1
    )
)
def test_any_quotient_is_the_nearest_double(rows: Any) -> None:
    """Also where it lies near the middle of two doubles."""
    rows = [(n >> (15 * cut), d >> (8 * cut) or 1) for n, d, cut in rows]
    rows += [((2**53 + 1) * d // 2, d) for _, d in rows]
    got = quotients(wide([n for n, _ in rows]), wide([d for _, d in rows]), 100)
    assert got.tolist() == [n / (d * 100) for n, d in rows]


def wide(values: Any) -> Any:
    return Wide(
        np.array([value >> 64 for value in values], dtype=np.int64),
        np.array([value & (2**64 - 1) for value in values], dtype=np.uint64),
    )
