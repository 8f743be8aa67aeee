"""The last values of each symbol before every row of its run."""

from __future__ import annotations

import numpy as np

from kcl_app.core.columns import Array
from kcl_app.core.runs import Runs


class History:
    """Values of runs, each run behind the ``w`` values that its symbol had before.

    ``before`` is (g, w), oldest first; NaN where there was none.
    """

    def __init__(self, runs: Runs, before: Array, values: Array) -> None:
        self._width = before.shape[1]
        self._at = np.arange(len(values)) + self._width * (runs.group + 1)
        self._ends = self._at[runs.ends]
        self._all = np.empty(len(values) + before.size, dtype=before.dtype)
        heads = self._at[runs.starts] - self._width
        self._all[heads[:, None] + np.arange(self._width)] = before
        self._all[self._at] = values

    def back(self, ticks: int) -> Array:
        """The value so many ticks before each row, up to ``w``."""
        values: Array = self._all[self._at - ticks]
        return values

    def tail(self) -> Array:
        """The last ``w`` values of each run: ``before`` of the next."""
        lasts = self._ends - self._width + 1
        values: Array = self._all[lasts[:, None] + np.arange(self._width)]
        return values
