"""What a demo came to, on stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import typer
from rich.text import Text

from athena.library import named
from cli.answers import drawn
from cli.console import err, note, out

if TYPE_CHECKING:
    from deploy.demo.outcome import Outcome

ROWS = 10
ALERTS = 5
FIRST_TEN = (
    *("symbol", "timestamp", "price", "change_percent", "volume", "sma_5", "sma_20"),
    *("z_score", "flags", "severity"),
)
"""Of its many columns those that fit."""


def tell(outcome: Outcome, keep: bool) -> None:
    """The answers, what was flagged and refused, the alerts, and the line last."""
    for name, answer in outcome.answers.items():
        _heading(named(name).title, f"tapeline query {name}")
        if name == "first_ten":
            answer = answer.select(FIRST_TEN)
        typer.echo(drawn(answer, ROWS, "the first are shown").strip("\n"))
    _flags(outcome)
    _rejects(outcome)
    _alerts(outcome)
    if keep:
        _further(outcome)
    tell_findings(outcome)
    typer.echo(f"\n{outcome.line}")


def tell_findings(outcome: Outcome) -> None:
    """What speaks against the lake, on stderr."""
    for finding in outcome.report.findings:
        text = f"{finding.kind}: {finding.shard} {finding.what}"
        err.print(text, style="red", highlight=False, soft_wrap=True, markup=False)


def _flags(outcome: Outcome) -> None:
    _heading("Flags by severity and kind", "tapeline query anomalies_by_kind")
    typer.echo(drawn(outcome.flags, ROWS, "the first are shown").strip("\n"))
    if outcome.injected:
        every = sum(kind.injected for kind in outcome.injected)
        flagged = sum(kind.flagged for kind in outcome.injected)
        _heading(f"Anomalies that the made-up market injected: {flagged} of {every} carry a flag")
        columns = ("kind", "injected", "flagged")
        rows = {name: [getattr(kind, name) for kind in outcome.injected] for name in columns}
        typer.echo(drawn(pa.table(rows), 0, "").strip("\n"))


def _rejects(outcome: Outcome) -> None:
    if not outcome.refused.num_rows:
        return
    sent = f": {outcome.malformed} malformed records were sent" if outcome.malformed else ""
    _heading(f"Rejects by reason{sent}", "tapeline query rejects_by_reason")
    typer.echo(drawn(outcome.refused.select(["reason", "rejects"]), ROWS, "").strip("\n"))


def _alerts(outcome: Outcome) -> None:
    inbox = outcome.inbox
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(inbox.by_kind.items()))
    again = f", {inbox.again} of them again" if inbox.again else ", each once"
    _heading(
        f"Alerts received by a queue: {inbox.received} of {outcome.published} published"
        + (f" ({kinds}){again}" if inbox.received else "")
    )
    for alert in inbox.alerts[:ALERTS]:
        _say(alert["message"])
    if inbox.received > ALERTS:
        _say(f"... and {inbox.received - ALERTS} more")


def _further(outcome: Outcome) -> None:
    note(
        f"\nlocal AWS still runs at {outcome.endpoint_url}, and commands in this folder use it: "
        "tapeline query, tapeline verify; tapeline local down ends it"
    )


def _heading(title: str, command: str = "") -> None:
    heading = Text.assemble("\n", (title, "bold"), "  ", (command, "dim"))
    heading.rstrip()
    out.print(heading, soft_wrap=True)


def _say(text: str) -> None:
    out.print(text, highlight=False, soft_wrap=True, markup=False)
