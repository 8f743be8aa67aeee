"""An anomaly as an alert: what names it, and how it is told to people and machines."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from sinks.items import positions

SEVERITIES = ("low", "medium", "high")
SUBJECT_LENGTH = 99
"""SNS takes fewer than 100 characters, ASCII only."""
REASON_LENGTH = 1_000
ID_LENGTH = 32


@dataclass(frozen=True)
class Alert:
    """One anomaly that is grave enough. ``row`` is its place in the batch's table.

    ``position`` is text whose order is that of ``shard``; ``at`` is the event time,
    ``arrival`` when Kinesis stored the record.
    """

    row: int
    symbol: str
    kind: str
    severity: str
    at: datetime
    arrival: datetime
    shard: str
    position: str
    price: float
    score: float
    reason: str

    @property
    def id(self) -> str:
        """The same for the same anomaly, however often it is read."""
        named = json.dumps([self.symbol, self.at.isoformat(), self.kind, self.position])
        return hashlib.sha256(named.encode()).hexdigest()[:ID_LENGTH]

    @property
    def sentence(self) -> str:
        return (
            f"{self.symbol}: {self.reason} ({self.kind}, severity {self.severity}, price "
            f"{self.price:.10g}, {self.at:%Y-%m-%d %H:%M:%S} UTC)"
        )

    @property
    def subject(self) -> str:
        said = f"[{self.severity}] {self.kind} on {self.symbol}"
        printable = "".join(c if " " <= c <= "~" else "?" for c in said)
        return printable[:SUBJECT_LENGTH]

    @property
    def document(self) -> str:
        """JSON; the first key is the sentence."""
        named = ("symbol", "kind", "severity", "price", "score", "reason", "position")
        told = {"message": self.sentence, **{name: getattr(self, name) for name in named}}
        times = {"timestamp": self.at.isoformat(), "arrival": self.arrival.isoformat()}
        return json.dumps({**told, **times, "id": self.id}, ensure_ascii=False)

    @property
    def message(self) -> str:
        """By protocol: JSON for machines, a sentence for a telephone, both for a mailbox."""
        mail = f"{self.sentence}\n\n{json.dumps(json.loads(self.document), indent=2)}\n"
        return json.dumps({"default": self.document, "email": mail, "sms": self.sentence})

    def late(self, now: datetime, at_most: timedelta) -> bool:
        """True where the record has waited longer than ``at_most`` to be read; zero is no bound."""
        return bool(at_most) and now - self.arrival > at_most


def alerts(anomalies: pa.Table, severity: str) -> Iterator[Alert]:
    """The anomalies of at least ``severity``, in stream order."""
    grave = set(at_least(severity))
    places = positions(anomalies)
    for row, (values, position) in enumerate(zip(anomalies.to_pylist(), places, strict=True)):
        if values["severity"] in grave:
            yield _alert(row, values, position)


def at_least(severity: str) -> Sequence[str]:
    return SEVERITIES[SEVERITIES.index(severity) :]


def _alert(row: int, values: dict[str, Any], position: str) -> Alert:
    named = ("symbol", "kind", "severity", "arrival", "shard", "price", "score")
    return Alert(
        row=row,
        at=values["timestamp"],
        position=position,
        reason=values["reason"][:REASON_LENGTH],
        **{name: values[name] for name in named},
    )
