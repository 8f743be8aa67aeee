"""tapeline verify: every record once, proven from the lake."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from cli.console import err, fail, note, out, print_json
from cli.options import ConfigOption, JsonOption, SetOption, site_of

if TYPE_CHECKING:
    from verify import Finding, Report, Scope

TABLES = ("ticks", "bars", "anomalies", "rejects")
AGAINST = ("manifest", "stream", "nothing")
SHOWN = 20
"""Findings printed for a person; --json has them all."""

Life = Annotated[str, typer.Option("--life", help="Another life than the one that lives.")]
Shards = Annotated[list[str] | None, typer.Option("--shard", help="Only this; may be repeated.")]
Tables = Annotated[
    list[str] | None, typer.Option("--table", help=f"Only this; of {', '.join(TABLES)}.")
]
Start = Annotated[str, typer.Option("--from", help="First dt whose objects are read: 2025-01-31.")]
End = Annotated[str, typer.Option("--to", help="Last dt whose objects are read, inclusive.")]
Quick = Annotated[
    bool, typer.Option("--quick", help="Chain, existence, row counts and dates; no digests.")
]
Against = Annotated[
    str,
    typer.Option(
        "--against",
        help="Completeness: against the producers' manifest, the stream read again, or nothing.",
    ),
]
Memory = Annotated[str, typer.Option("--memory", help="What sets on disk may hold in memory.")]


def register(app: typer.Typer) -> None:
    app.command("verify")(verify)


def verify(
    config: ConfigOption = None,
    pairs: SetOption = None,
    as_json: JsonOption = False,
    life: Life = "",
    shard: Shards = None,
    table: Tables = None,
    start: Start = "",
    end: End = "",
    quick: Quick = False,
    against: Against = "manifest",
    memory: Memory = "512MB",
) -> None:
    """Prove that every record is stored once; exit 1 where it isn't so.

    Walks each shard's cut records from HEAD to the lease's checkpoint, reads the
    objects they list, and compares with what was produced. Changes nothing, and may
    run beside workers: what they have not checkpointed is pending.

    Example: `tapeline verify --from 2025-01-31 --to 2025-01-31 --table ticks`
    """
    scope = _scope(shard, table, start, end, quick, against)
    from verify import TooLittleMemory, VerifyError, report
    from verify.manifest import ManifestError

    site = site_of(config, pairs)
    try:
        with err.status("verify", spinner="dots") as status:
            progress = status.update if err.is_terminal else note
            proven = report(site, scope, life, progress, memory)
    except (VerifyError, ManifestError, TooLittleMemory) as wrong:
        fail(str(wrong))
    if as_json:
        print_json(proven.document())
    else:
        _tell(proven)
    raise typer.Exit(0 if proven.ok else 1)


def _scope(
    shards: list[str] | None,
    tables: list[str] | None,
    start: str,
    end: str,
    quick: bool,
    against: str,
) -> Scope:
    for name in tables or ():
        if name not in TABLES:
            fail(f"--table {name}: there are {', '.join(TABLES)}", code=2)
    for option, value in (("--from", start), ("--to", end)):
        if value and not _is_date(value):
            fail(f"{option} {value}: write a date, such as 2025-01-31", code=2)
    if start and end and start > end:
        fail(f"--from {start} lies after --to {end}", code=2)
    if against not in AGAINST:
        fail(f"--against {against}: one of {', '.join(AGAINST)}", code=2)
    from verify import Scope

    return Scope(
        frozenset(shards or ()),
        frozenset(tables or TABLES),
        start,
        end,
        quick,
        cast(Literal["manifest", "stream", "nothing"], against),
    )


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _tell(proven: Report) -> None:
    """Shards, tables, findings, and the one line last."""
    _say(f"life {proven.life} at {proven.lake}" + (f"; {proven.scope}" if proven.scope else ""))
    for shard in proven.shards:
        end = ", END" if shard.ended else ""
        pending = f", {shard.pending_cuts} pending" if shard.pending_cuts else ""
        _say(f"{shard.shard}: {shard.cuts} cuts{pending}{end}, checkpoint {shard.checkpoint}")
    for name, (objects, rows) in sorted(proven.tables.items()):
        _say(f"{name}: {rows} rows in {objects} objects")
    for alerts in proven.alerts:
        _say(alerts.sentence)
    if proven.alerts_unproven:
        _say(f"alerts: not proven, {proven.alerts_unproven}")
    for finding in proven.findings[:SHOWN]:
        _tell_finding(finding)
    if sum(proven.counts.values()) > min(len(proven.findings), SHOWN):
        counts = ", ".join(f"{kind} {count}" for kind, count in proven.counts.items())
        _say(f"in all: {counts} (--json has the first of each)")
    typer.echo(proven.line)


def _tell_finding(finding: Finding) -> None:
    where = f"{finding.shard} " if finding.shard else ""
    kind = finding.explained()
    _say(f"{finding.kind}: {where}{finding.what}", "red" if finding.fails else "yellow")
    _say(f"    it means: {kind['means']}")
    _say(f"    to do: {kind['do']}")
    for label, evidence in (("at", finding.positions), ("objects", finding.objects)):
        if evidence:
            _say(f"    {label}: {', '.join(evidence)}")


def _say(text: str, style: str | None = None) -> None:
    out.print(text, style=style, highlight=False, soft_wrap=True, markup=False)
