"""Columns of equal length: the shape of data in the hot path.

A missing float is NaN and a missing text is None; integers are never missing.
Slices are views; nobody writes into a column that was handed on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


class Columns(Mapping[str, Array]):
    """Named numpy arrays of one length, in a fixed order. Text has dtype object."""

    __slots__ = ("_arrays", "size")

    def __init__(self, arrays: Mapping[str, Array], size: int | None = None) -> None:
        self._arrays = dict(arrays)
        lengths = {len(array) for array in self._arrays.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns differ in length: {sorted(lengths)}")
        self.size = lengths.pop() if lengths else (size or 0)

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        """How many columns; ``size`` is how many rows."""
        return len(self._arrays)

    def slice(self, start: int, stop: int) -> Columns:
        """Rows ``start`` to ``stop``, as views."""
        return Columns({n: a[start:stop] for n, a in self._arrays.items()}, max(stop - start, 0))

    def take(self, rows: Array) -> Columns:
        """The rows at the given indices, or where a boolean mask is true."""
        return Columns({n: a[rows] for n, a in self._arrays.items()})

    def having(self, **more: Array) -> Columns:
        """These columns and ``more``; one of the same name is replaced."""
        return Columns({**self._arrays, **more})

    @staticmethod
    def joined(parts: Sequence[Columns]) -> Columns:
        """The rows of ``parts`` one after another; all have the same columns."""
        if len(parts) == 1:
            return parts[0]
        return Columns({n: np.concatenate([p[n] for p in parts]) for n in parts[0]})


def text(values: Sequence[str | None]) -> Array:
    """A text column; None where there is none."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array
