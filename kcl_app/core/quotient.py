"""Correctly rounded quotients of wide integers, in columns.

A quotient is computed in double-double arithmetic (Dekker, "A floating-point technique
for extending the available precision", 1971), about 100 bits. Where its error could
change the rounding, which hardly ever happens, Python's integers decide.
"""

from __future__ import annotations

import numpy as np

from kcl_app.core.columns import Array
from kcl_app.core.exact import Wide

Pair = tuple[Array, Array]
"""A number as the sum of a double and a much smaller one."""

_SPLIT = 134_217_729.0
_UNSURE = 2.0**-98
_UNSURE_REST = 2.0**-50


def quotients(above: Wide, below: Wide, units: int) -> Array:
    """above / (below * units), correctly rounded; NaN where ``below`` is 0."""
    top = _pair(above)
    bottom = _times(_pair(below), float(units))
    divisor = np.where(bottom[0] == 0, 1.0, bottom[0])
    first = top[0] / divisor
    product, lost = _product(first, divisor)
    rest = (((top[0] - product) - lost + top[1]) - first * bottom[1]) / divisor
    error = np.abs(first) * _UNSURE + np.abs(rest) * _UNSURE_REST
    out: Array = first + rest
    for row in np.flatnonzero(first + (rest - error) != first + (rest + error)).tolist():
        some = np.array([row])
        under = below[some].integers()[0] * units
        out[row] = above[some].integers()[0] / under if under else np.nan
    out[(below.hi == 0) & (below.lo == 0)] = np.nan
    return out


def _pair(wide: Wide) -> Pair:
    mask = 0xFFFFFFFF
    total = (wide.hi >> 32).astype(np.float64) * 2.0**96
    rest = np.zeros(len(total))
    limbs = (
        (wide.hi & mask).astype(np.float64) * 2.0**64,
        (wide.lo >> np.uint64(32)).astype(np.float64) * 2.0**32,
        (wide.lo & np.uint64(mask)).astype(np.float64),
    )
    for limb in limbs:
        total, lost = _sum(total, limb)
        rest += lost
    return total, rest


def _sum(a: Array, b: Array) -> Pair:
    """a + b without loss (Knuth's two-sum)."""
    total = a + b
    other = total - a
    return total, (a - (total - other)) + (b - other)


def _product(a: Array, b: Array | float) -> Pair:
    """a * b without loss (Dekker's product)."""
    product = a * b
    a_high = _SPLIT * a - (_SPLIT * a - a)
    b_high = _SPLIT * b - (_SPLIT * b - b)
    a_low, b_low = a - a_high, b - b_high
    lost = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, lost


def _times(pair: Pair, factor: float) -> Pair:
    product, lost = _product(pair[0], factor)
    return product, lost + pair[1] * factor
