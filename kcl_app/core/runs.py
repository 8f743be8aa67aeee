"""Rows grouped by symbol, each group in arrival order: what all rolling values work on."""

from __future__ import annotations

import numpy as np

from kcl_app.core.columns import Array

_SHORT = 1 << 16


class Runs:
    """``n`` rows as ``g`` runs, one a symbol.

    ``order`` (n) brings rows into runs, ``slots`` (g) names each run's symbol, ``starts``
    and ``lengths`` (g) say where it lies, ``group`` (n) is the run of a sorted row.
    """

    def __init__(self, slots: Array) -> None:
        small = slots.astype(np.uint16) if slots.max(initial=0) < _SHORT else slots
        self.order: Array = np.argsort(small, kind="stable")
        sorted_slots = slots[self.order]
        self.starts: Array = np.flatnonzero(changes(sorted_slots))
        self.lengths: Array = np.diff(np.append(self.starts, len(slots)))
        self.slots: Array = sorted_slots[self.starts]
        self.group: Array = np.repeat(np.arange(len(self.slots)), self.lengths)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.order)

    @property
    def ends(self) -> Array:
        """The last row of each run."""
        return self.starts + self.lengths - 1

    def back(self, column: Array) -> Array:
        """A column in runs, in arrival order again."""
        out = np.empty_like(column)
        out[self.order] = column
        return out

    def within(self, rows: Array) -> Runs:
        """The runs of some sorted rows (ascending indices); runs without rows are left out."""
        some = Runs.__new__(Runs)
        group = self.group[rows]
        some.order = rows
        some.starts = np.flatnonzero(changes(group))
        some.lengths = np.diff(np.append(some.starts, len(rows)))
        some.slots = self.slots[group[some.starts]]
        some.group = np.repeat(np.arange(len(some.slots)), some.lengths)
        return some

    def highest(self, column: Array, carried: Array) -> tuple[Array, Array]:
        """Running maximum of integers in each run, from ``carried`` (g) on.

        Returns it before each row and at each run's end.
        """
        if self._ascending(column, carried):
            return self._shifted(column, carried), column[self.ends]
        values, ranks = np.unique(np.concatenate([column, carried]), return_inverse=True)
        rows, first = ranks[: len(column)].copy(), ranks[len(column) :]
        rows[self.starts] = np.maximum(rows[self.starts], first)
        lead = self.group * len(values)
        upto = np.maximum.accumulate(rows + lead) - lead
        return values[self._shifted(upto, first)], values[upto[self.ends]]

    def _ascending(self, column: Array, carried: Array) -> bool:
        """Whether no row lies below one before it: the usual case, and a quick one."""
        falls = column[1:] < column[:-1]
        falls[self.starts[1:] - 1] = False
        return not falls.any() and bool((column[self.starts] >= carried).all())

    def _shifted(self, column: Array, carried: Array) -> Array:
        """The row before each in its run; ``carried`` before the first."""
        before = np.empty_like(column)
        before[1:] = column[:-1]
        before[self.starts] = carried
        return before

    def latest(self, mark: Array) -> Array:
        """Index of the last marked row up to each row of its run; -1 where there is none."""
        rows = np.maximum.accumulate(np.where(mark, np.arange(len(mark)), -1))
        inside: Array = np.where(rows >= self.starts[self.group], rows, -1)
        return inside


def changes(column: Array) -> Array:
    """True at the first row and where a value differs from the one before."""
    changed = np.ones(len(column), dtype=bool)
    np.not_equal(column[1:], column[:-1], out=changed[1:])
    return changed
