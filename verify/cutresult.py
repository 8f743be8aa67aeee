"""What a cut's proof came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from kcl_app.core.cut import CutRecord
from verify.findings import Finding


@dataclass
class CutProof:
    """What a cut's objects came to. Row counts are those of the objects in scope."""

    record: CutRecord
    settled: bool
    found: list[Finding] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    """Ticks and rejects that the record lists and no standing object holds."""
    unwritten: int = 0
    """The same of a pending cut: its objects may still come."""
    doubled: int = 0
    records: pa.Table | None = None
    ids: dict[str, pa.Array] = field(default_factory=dict)
    """Record ids of ``ticks`` and ``rejects``, where completeness is asked for."""
    anomalies: Literal["told", "lost", "unread"] = "told"
    """Whether all the cut's anomalies were read; ``unread`` are those out of scope."""
    chosen: list[pa.Table] = field(default_factory=list)
    """By alert sink the anomalies it tells."""
