"""What a demo came to, for people and for machines."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from deploy.demo.figures import Figures
from deploy.demo.inbox import Inbox
from deploy.demo.injected import Kind
from producer.publish import Summary
from verify import Report


@dataclass(frozen=True)
class Outcome:
    """``answers`` by question; ``refused`` are rejects by reason; ``injected`` is empty where
    the ticks came from files; ``timings`` are seconds by phase."""

    produced: Summary
    malformed: int
    figures: Figures
    answers: dict[str, pa.Table]
    refused: pa.Table
    flags: pa.Table
    injected: list[Kind]
    inbox: Inbox
    published: int
    report: Report
    timings: dict[str, float]
    endpoint_url: str

    @property
    def ok(self) -> bool:
        return self.report.ok

    @property
    def line(self) -> str:
        return self.report.line

    def document(self) -> dict[str, Any]:
        """JSON types, but for times and bytes in the tables' rows."""
        return {
            "ok": self.ok,
            "line": self.line,
            "produced": asdict(self.produced) | {"malformed": self.malformed},
            "figures": asdict(self.figures),
            "answers": {name: table.to_pylist() for name, table in self.answers.items()},
            "rejects": self.refused.to_pylist(),
            "flags": self.flags.to_pylist(),
            "injected": [asdict(kind) for kind in self.injected],
            "alerts": {
                "published": self.published,
                "received": self.inbox.received,
                "received_again": self.inbox.again,
                "by_kind": dict(self.inbox.by_kind),
                "first": self.inbox.alerts,
            },
            "verify": self.report.document(),
            "timings": self.timings,
            "endpoint_url": self.endpoint_url,
        }
