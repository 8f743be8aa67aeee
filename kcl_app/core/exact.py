"""Exact sums: 128-bit integers in two columns, and their correctly rounded quotient.

Prices count in 1e-8 and volumes in 1e-6, so price * volume counts in 1e-14. Integer sums
are the same in any grouping, which float sums are not: that is why bars merge exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kcl_app.core.columns import Array

PRICE_UNITS = 10**8
VOLUME_UNITS = 10**6
NOTIONAL_DIGITS = 14
WIDE = np.dtype([("lo", "<u8"), ("hi", "<i8")])
"""Memory of an Arrow decimal128."""

_HALF = np.uint64(32)
_MASK = np.uint64(0xFFFFFFFF)


def counted(values: Array, units: int) -> Array:
    """Values from 0 up, as whole numbers (int64) of 1 / ``units``, to the nearest.

    Whole and broken part are scaled apart, so whole values stay exact above 2**53 / units.
    """
    whole = np.trunc(values)
    parts: Array = np.rint((values - whole) * units).astype(np.int64)
    parts += whole.astype(np.int64) * units
    return parts


@dataclass(frozen=True, slots=True)
class Wide:
    """Integers from 0 to below 2**127: ``hi`` (int64) * 2**64 + ``lo`` (uint64)."""

    hi: Array
    lo: Array

    @classmethod
    def of(cls, values: Array) -> Wide:
        return cls(np.zeros(len(values), dtype=np.int64), values.astype(np.uint64))

    @classmethod
    def product(cls, a: Array, b: Array) -> Wide:
        """a * b of integers from 0 to below 2**63, the product below 2**127."""
        a, b = a.astype(np.uint64), b.astype(np.uint64)
        a_hi, a_lo, b_hi, b_lo = a >> _HALF, a & _MASK, b >> _HALF, b & _MASK
        low = a_lo * b_lo
        middle = a_hi * b_lo + (low >> _HALF)
        other = a_lo * b_hi + (middle & _MASK)
        high = a_hi * b_hi + (middle >> _HALF) + (other >> _HALF)
        return cls(high.astype(np.int64), a * b)

    def __getitem__(self, rows: Array) -> Wide:
        return Wide(self.hi[rows], self.lo[rows])

    def __add__(self, other: Wide) -> Wide:
        lo = self.lo + other.lo
        return Wide(self.hi + other.hi + (lo < self.lo), lo)

    def sums(self, starts: Array) -> Wide:
        """The sum of each run of rows that begins at ``starts``."""
        low = np.add.reduceat(self.lo & _MASK, starts)
        high = np.add.reduceat(self.lo >> _HALF, starts) + (low >> _HALF)
        lo = (high << _HALF) | (low & _MASK)
        hi = np.add.reduceat(self.hi, starts) + (high >> _HALF).astype(np.int64)
        return Wide(hi, lo)

    def integers(self) -> list[int]:
        pairs = zip(self.hi.tolist(), self.lo.tolist(), strict=True)
        return [(hi << 64) + lo for hi, lo in pairs]

    def decimals(self) -> Array:
        """As decimal128 lies in memory (``WIDE``)."""
        out = np.empty(len(self.lo), dtype=WIDE)
        out["lo"], out["hi"] = self.lo, self.hi
        return out

    def over(self, divisor: int) -> Array:
        """The quotients by an integer, correctly rounded."""
        out: Array = self.lo.astype(np.float64) / divisor
        large = np.flatnonzero((self.hi > 0) | (self.lo >= 1 << 53))
        out[large] = [value / divisor for value in self[large].integers()]
        return out
