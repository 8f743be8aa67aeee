"""Alerts: every anomaly that was to be told has one item, and SNS took it.

Rules, as the alert sink has them:
1. Anomalies of a (symbol, kind) are decided in the order of the stream.
2. One within the cool-down of the last one let through, by event time, is held back.
3. An item is pending when it is decided, and done when SNS has it. A shard's checkpoint
   moves only behind done ones.

What was let through is taken from the items; where one is missing, it is decided here as
the sink would have, so that one loss is one finding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta

from verify.alertbook import AlertBook, Entry, Lost, Stray
from verify.alertreport import AlertReport
from verify.alertrules import AlertRules
from verify.findings import Finding
from verify.scope import Scope

PENDING, DONE = "pending", "done"


@dataclass
class AlertProof:
    """Judges a book that is full. ``report`` counts as findings are drawn.

    ``expires``: the table deletes items after a time. ``lost`` is where anomalies that
    can't be read may have held others back.
    """

    book: AlertBook
    rules: AlertRules
    scope: Scope
    expires: bool = False
    lost: Lost = field(default_factory=Lost)
    report: AlertReport = field(init=False)

    def __post_init__(self) -> None:
        rules = self.rules
        self.report = AlertReport(
            rules.name, rules.table, rules.severity, rules.cooldown.total_seconds()
        )

    def findings(self) -> Iterator[Finding]:
        """All that is wrong, in order of symbol, kind and position, then items of nobody."""
        whose: tuple[str, str] | None = None
        last: Entry | None = None
        for entry in self.book.entries():
            if whose != (entry.symbol, entry.kind):
                whose, last = (entry.symbol, entry.kind), None
            self.report.rows += 1
            near = last is not None and abs(entry.at - last.at) < self.rules.cooldown
            finding, let_through = self._judged(entry, last, near)
            last = entry if let_through else last
            if finding is not None:
                yield finding
        for stray in self.book.strays():
            yield from self._stray(stray)

    def _judged(self, entry: Entry, last: Entry | None, near: bool) -> tuple[Finding | None, bool]:
        """What is wrong with the entry, and whether it was to be let through."""
        if entry.state is None:
            return self._without_item(entry, last, near)
        if not entry.same:
            self.report.strays += 1
            return _finding("false-alert", entry, "has an item that says another anomaly"), True
        if entry.state != DONE and entry.settled and not entry.refused:
            self.report.unpublished += 1
            return _finding("unpublished", entry, f"is {entry.state} and checkpointed"), True
        self._count("done" if entry.state == DONE else "refused" if entry.refused else "pending")
        if near and last is not None and not self._partly:
            what = f"came though {_place(last)} lies within the cool-down"
            return _finding("early-alert", entry, what), True
        return None, True

    def _without_item(
        self, entry: Entry, last: Entry | None, near: bool
    ) -> tuple[Finding | None, bool]:
        if near:
            self._count("held_back")
            return None, False
        excuse = self._excuse(entry, last)
        self._count(excuse or "missing")
        if excuse:
            return None, excuse not in ("aged", "unjudged")
        return _finding("unalerted", entry, f"has no item in {self.rules.table}"), True

    def _excuse(self, entry: Entry, last: Entry | None) -> str:
        """Why an anomaly that nothing held back may have no item; empty where it may not."""
        if not entry.settled:
            return "pending"
        if entry.refused:
            return "refused"
        if self.expires:
            return "expired"
        if self.rules.max_age_seconds:
            return "aged"
        begun = last.position if last is not None else ""
        if self.lost.upto(entry.position) > begun or self._at_the_edge(entry.at):
            return "unjudged"
        return "unjudged" if self.scope.shards and last is None else ""

    @property
    def _partly(self) -> bool:
        """True where what was let through in between may lie out of scope."""
        return bool(self.scope.start or self.scope.end or self.scope.shards)

    def _at_the_edge(self, at: datetime) -> bool:
        """True where an alert out of scope may have held this one back."""
        begin, end = _midnight(self.scope.start), _midnight(self.scope.end)
        cooldown = self.rules.cooldown
        early = begin is not None and at < begin + cooldown
        late = end is not None and at >= end + timedelta(days=1) - cooldown
        return early or late

    def _stray(self, stray: Stray) -> Iterator[Finding]:
        if stray.where == "told":
            self.report.strays += 1
            what = f"item {stray.id} ({stray.state}) of {_place(stray)} has no anomaly in its cut"
            yield Finding("false-alert", what, stray.shard, (_spoken(stray.position),))
        else:
            self._count("on_the_way" if stray.where == "pending" else "elsewhere")

    def _count(self, name: str) -> None:
        setattr(self.report, name, getattr(self.report, name) + 1)


def _finding(kind: str, entry: Entry, what: str) -> Finding:
    said = f"{_place(entry)} {what}"
    return Finding(kind, said, entry.shard, (_spoken(entry.position),), rows=1)


def _place(one: Entry | Stray) -> str:
    when = f" of {one.at:%Y-%m-%d %H:%M:%S} UTC" if isinstance(one, Entry) else ""
    return f"{one.kind} on {one.symbol}{when}"


def _spoken(position: str) -> str:
    """As people read it: sequence/sub-sequence/line. Text that is no position stays."""
    parts = position.split("-")
    return "/".join(str(int(part)) if part.isdigit() else part for part in parts)


def _midnight(day: str) -> datetime | None:
    if not day:
        return None
    return datetime.combine(datetime.fromisoformat(day).date(), time(), UTC)
