"""Linear recurrences over runs: y = factor * y + term, record by record.

The k-th rows of all symbols are stepped together; where few symbols have so many rows, one
by one. Both do the same IEEE operations in the same order, so the results are the same
bits, however the stream was cut. Nothing here may use a sum in another order.
"""

from __future__ import annotations

import numpy as np

from kcl_app.core.columns import Array
from kcl_app.core.runs import Runs

FEW = 12
"""Below so many symbols a loop over floats is faster than numpy."""


def scan(
    runs: Runs, carry: Array, factor: Array, term: Array, few: int = FEW
) -> tuple[Array, Array]:
    """All values (n, in runs) and the last of each run (g), from ``carry`` (g) on."""
    out = np.empty(len(term))
    longest = np.argsort(-runs.lengths, kind="stable")
    starts, lengths = runs.starts[longest], runs.lengths[longest]
    last = carry[longest].astype(np.float64)
    rank, active = 0, len(longest)
    while active >= max(few, 1):
        rows = starts[:active] + rank
        last[:active] = out[rows] = factor[rows] * last[:active] + term[rows]
        rank += 1
        active = int(np.searchsorted(-lengths, -rank, side="left"))
    for run in range(active):
        row, end = int(starts[run]) + rank, int(starts[run] + lengths[run])
        value, values = float(last[run]), []
        for a, b in zip(factor[row:end].tolist(), term[row:end].tolist(), strict=True):
            value = a * value + b
            values.append(value)
        out[row:end] = values
        last[run] = value
    carried = np.empty_like(last)
    carried[longest] = last
    return out, carried
