"""The first flags: fixed rules on a tick's own figures.

A flag is low above its threshold, medium above 1.5 times it, high above twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kcl_app.core.columns import Array, Columns
from kcl_app.core.detector import Found
from kcl_app.core.runs import Runs
from kcl_app.core.state import Field, State

MEDIUM = 1.5
HIGH = 2.0


def graded(scores: Array, threshold: float) -> tuple[Array, Array]:
    """Rows above the threshold, and how grave each is. NaN is never above."""
    rows = np.flatnonzero(scores > threshold)
    times = scores[rows] / threshold
    return rows, (times > MEDIUM).astype(np.int64) + (times > HIGH)


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """Far from the session before: abs(change_percent) above a threshold in percent.

    The score is abs(change_percent).
    """

    threshold: float = 5.0
    kind: ClassVar[str] = "change"
    fields: ClassVar[tuple[Field, ...]] = ()

    def judge(self, ticks: Columns, runs: Runs, state: State) -> Found:
        percent = ticks["change_percent"]
        rows, severities = graded(np.abs(percent), self.threshold)
        reasons = [
            f"{price:.10g} is {abs(p):.2f} % {'above' if p > 0 else 'below'} the previous close"
            for p, price in zip(percent[rows].tolist(), ticks["price"][rows].tolist(), strict=True)
        ]
        return Found(rows, np.abs(percent[rows]), severities, reasons)


@dataclass(frozen=True, slots=True)
class ZScoreRule:
    """Far from the 20 ticks before: abs(z_score) above a threshold in standard deviations.

    The score is abs(z_score).
    """

    threshold: float = 6.0
    kind: ClassVar[str] = "z_score"
    fields: ClassVar[tuple[Field, ...]] = ()

    def judge(self, ticks: Columns, runs: Runs, state: State) -> Found:
        z = ticks["z_score"]
        rows, severities = graded(np.abs(z), self.threshold)
        reasons = [
            f"{price:.10g} is {abs(s):.1f} standard deviations "
            f"{'above' if s > 0 else 'below'} the mean of the 20 ticks before"
            for s, price in zip(z[rows].tolist(), ticks["price"][rows].tolist(), strict=True)
        ]
        return Found(rows, np.abs(z[rows]), severities, reasons)


@dataclass(frozen=True, slots=True)
class TrendRule:
    """SMA 5 crosses SMA 20: the tick that did it. Always low.

    The score is the distance of the two in percent of SMA 20.
    """

    kind: ClassVar[str] = "trend"
    fields: ClassVar[tuple[Field, ...]] = ()

    def judge(self, ticks: Columns, runs: Runs, state: State) -> Found:
        rows = np.flatnonzero(ticks["trend"])
        short, long = ticks["sma_5"][rows], ticks["sma_20"][rows]
        apart = 100.0 * np.abs(short - long) / long
        reasons = [
            f"SMA 5 {'rose above' if up > 0 else 'fell below'} SMA 20 at {price:.10g}"
            for up, price in zip(
                ticks["trend"][rows].tolist(), ticks["price"][rows].tolist(), strict=True
            )
        ]
        return Found(rows, apart, np.zeros(len(rows), dtype=np.int64), reasons)
