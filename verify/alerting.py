"""The alert sinks while the lake is walked: anomalies in, then held against the items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from kcl_app.core.position import Position
from verify.alertbook import AlertBook, Stretches, Where
from verify.alertitems import refused
from verify.alertreport import AlertReport
from verify.alertrules import AlertRules
from verify.alerts import AlertProof
from verify.chain import Chain
from verify.cutresult import CutProof
from verify.disk import Disk
from verify.findings import Finding
from verify.lake import Lake
from verify.scope import Scope


class AlertItems(Protocol):
    """Where an alert sink keeps its items; ``verify.alertitems.AlertTable`` is one."""

    def stands(self) -> bool:
        """False where there is no such table."""

    def expires(self) -> bool:
        """True where items are deleted after a time."""

    def items(self) -> Iterator[pa.Table]:
        """The alerts in the columns of ``verify.alertitems.ITEMS``, none that is older than
        this call left out."""


@dataclass(frozen=True)
class Watched:
    """An alert sink, and where its items are."""

    rules: AlertRules
    table: AlertItems


@dataclass
class Alerting:
    """Takes every cut; proves once all were taken. ``reports`` has one of each sink then."""

    disk: Disk
    lake: Lake
    scope: Scope
    watched: Sequence[Watched]
    reports: list[AlertReport] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stretches = Stretches(self.disk)
        self._books = [AlertBook(self.disk, number) for number in range(len(self.watched))]

    @property
    def rules(self) -> list[AlertRules]:
        """Of the sinks whose anomalies are to be read."""
        return [] if self._unread else [one.rules for one in self.watched]

    def take(self, cut: CutProof) -> None:
        """A cut's anomalies."""
        record = cut.record
        if self._unread or record.kind != "cut":
            return
        known: Where = cut.anomalies if cut.settled else "pending"
        after, upto = _key(record.begins_after), _key(record.ends_at)
        self._stretches.add(record.shard, after, upto, known)
        for book, rows in zip(self._books, cut.chosen, strict=True):
            if len(rows):
                book.add_rows(rows, cut.settled)

    def end(self, chain: Chain) -> None:
        """A shard's chain was walked. What lies behind it is on its way, unless it is over."""
        if not chain.ended:
            self._stretches.end(chain.shard, _key(chain.end))

    def prove(self) -> Iterator[Finding]:
        for one, book in zip(self.watched, self._books, strict=True):
            why = self._unread or one.rules.unproven
            if why:
                self.reports.append(AlertReport(one.rules.name, unproven=why))
            else:
                yield from self._proven(one, book)

    @property
    def _unread(self) -> str:
        """Why anomalies aren't read; empty where they are."""
        if self.scope.quick:
            return "a quick proof reads no anomalies"
        return "" if "anomalies" in self.scope.tables else "anomalies are not among the tables"

    def _proven(self, one: Watched, book: AlertBook) -> Iterator[Finding]:
        stands = one.table.stands()
        for items in one.table.items() if stands else ():
            book.add_items(items)
        for rows in refused(self.lake, one.rules):
            book.add_refused(rows)
        expires = stands and one.table.expires()
        proof = AlertProof(book, one.rules, self.scope, expires, self._stretches.lost())
        yield from proof.findings()
        self.reports.append(proof.report)


def _key(at: Position | None) -> str:
    return at.key if at is not None else ""
