"""What a detector is to the flow: it scores ticks, then learns them.

Rules:
1. A tick is scored against what was known before it, and only then learnt.
2. Rows come in arrival order, symbol by symbol in ``runs``; what is remembered lies in
   declared fields of the state, so that any cutting of the stream gives the same scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kcl_app.core.columns import Array, Columns
from kcl_app.core.runs import Runs
from kcl_app.core.state import Field, State

SEVERITIES = ("low", "medium", "high")


@dataclass(frozen=True, slots=True)
class Found:
    """Flagged rows (ascending), how unusual each is (the detector's unit), how grave
    (index into SEVERITIES), and a sentence for people."""

    rows: Array
    scores: Array
    severities: Array
    reasons: Sequence[str]

    @classmethod
    def nothing(cls) -> Found:
        none = np.zeros(0, dtype=np.int64)
        return cls(none, np.zeros(0), none, ())


class Detector(Protocol):
    """``kind`` names its flags; ``fields`` is the memory it needs a symbol, () for a rule."""

    @property
    def kind(self) -> str: ...

    @property
    def fields(self) -> tuple[Field, ...]: ...

    def judge(self, ticks: Columns, runs: Runs, state: State) -> Found:
        """Score each row, then learn it. ``ticks`` have all columns of the table up to
        ``z_score``, and ``trend``; they lie in arrival order, ``runs`` groups them."""
