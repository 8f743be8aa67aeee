"""What was proven, as numbers and findings, for people and for machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from verify.alertreport import AlertReport
from verify.findings import KINDS, Finding


@dataclass
class ShardReport:
    """One shard's chain. ``rows`` and ``rejects`` are of done cuts, as their records say."""

    shard: str
    checkpoint: str
    cuts: int = 0
    pending_cuts: int = 0
    gaps: int = 0
    ended: bool = False
    rows: int = 0
    rejects: int = 0
    dropped: int = 0
    """Ticks that the application dropped as a producer's repeat."""
    pending: int = 0
    """Ticks and rejects of cuts past the checkpoint."""


@dataclass
class Report:
    """The whole proof. None stands for what was not asked or can't be known.

    ``stored`` and ``rejects`` count rows of done cuts, ``pending`` rows of cuts past
    the checkpoint, ``produced`` distinct record ids (or records, against the
    stream). ``tables`` has [objects, rows] read by table.
    """

    lake: str = ""
    life: str = ""
    application: str = ""
    scope: str = ""
    produced: int | None = None
    stored: int = 0
    missing: int = 0
    repeated: int | None = None
    overlaps: int = 0
    rejects: int = 0
    pending: int = 0
    dropped: int = 0
    bars: int | None = None
    unlisted: int = 0
    alerts: list[AlertReport] = field(default_factory=list)
    """One of each alert sink."""
    alerts_unproven: str = ""
    """Why there is none of them."""
    shards: list[ShardReport] = field(default_factory=list)
    tables: dict[str, list[int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    """Findings by kind; ``findings`` holds the first of each."""

    @property
    def ok(self) -> bool:
        return not any(KINDS[kind].fails for kind in self.counts)

    @property
    def line(self) -> str:
        """The one line; ``?`` is not known. ``pending`` only where something is."""
        known = {
            "produced": self.produced,
            "stored": self.stored,
            "missing": self.missing,
            "repeated": self.repeated,
            "overlaps": self.overlaps,
            "rejects": self.rejects,
            **({"pending": self.pending} if self.pending else {}),
        }
        said = (f"{name}={'?' if n is None else n}" for name, n in known.items())
        return f"verify: {' '.join(said)}"

    def document(self) -> dict[str, Any]:
        """The report as JSON types, each finding with what it means and what to do."""
        plain = {name: value for name, value in vars(self).items() if name != "findings"}
        return {
            "ok": self.ok,
            "line": self.line,
            **plain,
            "alerts": [vars(alerts) for alerts in self.alerts],
            "shards": [vars(shard) for shard in self.shards],
            "findings": [finding.explained() for finding in self.findings],
        }
