"""Recurrences over runs: y = step(y, x), record by record.

The k-th rows of all symbols are stepped together; where few symbols have so many rows, one
by one. Both do the same IEEE operations in the same order, so the results are the same
bits, however the stream was cut. Nothing here may use a sum in another order.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kcl_app.core.columns import Array
from kcl_app.core.runs import Runs

FEW = 12
"""Below so many symbols a loop over floats is faster than numpy."""


def scan(
    runs: Runs,
    carry: Array,
    inputs: Array,
    columns: Callable[[Array, Array], Array],
    single: Callable[[float, float], float],
    few: int = FEW,
) -> tuple[Array, Array]:
    """All values (n, in runs) and the last of each run (g), from ``carry`` (g) on.

    ``columns`` and ``single`` are the step: on arrays, on floats.
    """
    out = np.empty(len(inputs))
    longest = np.argsort(-runs.lengths, kind="stable")
    starts, lengths = runs.starts[longest], runs.lengths[longest]
    last = carry[longest].astype(np.float64)
    rank, active = 0, len(longest)
    while active >= few:
        rows = starts[:active] + rank
        last[:active] = out[rows] = columns(last[:active], inputs[rows])
        rank += 1
        active = int(np.searchsorted(-lengths, -rank, side="left"))
    for run in range(active):
        row, end = int(starts[run]) + rank, int(starts[run] + lengths[run])
        value, values = float(last[run]), []
        for x in inputs[row:end].tolist():
            value = single(value, x)
            values.append(value)
        out[row:end] = values
        last[run] = value
    carried = np.empty_like(last)
    carried[longest] = last
    return out, carried
