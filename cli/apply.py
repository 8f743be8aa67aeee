"""tapeline apply: make the stack what the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import err, fail, note, out, print_json
from cli.options import ConfigOption, JsonOption, SetOption, site_of

if TYPE_CHECKING:
    from config.site import Site
    from glue.plan import Step

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
]
ActionsOption = Annotated[
    bool, typer.Option("--actions", help="List the IAM actions that it takes, and stop.")
]

DONE = {"create": "created", "update": "updated", "unchanged": "unchanged"}
STYLE = {"create": "green", "update": "yellow", "unchanged": "dim", "blocked": "red"}


def register(app: typer.Typer) -> None:
    app.command()(apply)


def apply(
    dry_run: DryRunOption = False,
    actions: ActionsOption = False,
    config: ConfigOption = None,
    pairs: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make stream, buckets, tables, topic, catalog and workgroup as the settings say.

    Safe to repeat: what is as it should be is left alone. Nothing is ever deleted.

    Example: `tapeline apply --dry-run`, then `tapeline apply`
    """
    site = site_of(config, pairs)
    if actions:
        _list_actions(site, as_json)
        return
    steps = _planned(site)
    blocked = [step for step in steps if step.verdict == "blocked"]
    if dry_run or blocked:
        _report(steps, as_json, done=False)
        if blocked:
            raise typer.Exit(1)
        return
    _report(_applied(steps, as_json), as_json, done=True)


def _planned(site: Site) -> list[Step]:
    from botocore.exceptions import BotoCoreError, ClientError

    from glue.plan import plan
    from glue.refusal import sentence
    from glue.stack import resources

    with err.status("looking at what stands"):
        try:
            return list(plan(resources(site)))
        except (ClientError, BotoCoreError) as error:
            fail(sentence(error, "sts", "asking who calls"))


def _applied(steps: list[Step], as_json: bool) -> list[Step]:
    """Carry the steps out; where one fails, report those that were done, then fail."""
    from glue.plan import ApplyError
    from glue.plan import apply as carry_out

    done: list[Step] = []
    with err.status("applying") as status:
        try:
            for step in carry_out(steps):
                done.append(step)
                after = steps[len(done) :]
                status.update(f"{after[0].resource.kind} {after[0].resource.name}" if after else "")
        except ApplyError as wrong:
            _report(done, as_json, done=True)
            fail(str(wrong))
    return done


def _report(steps: list[Step], as_json: bool, done: bool) -> None:
    if as_json:
        print_json(_document(steps, done))
        return
    out.print(_table(steps, done))
    for step in steps:
        if step.why:
            err.print(step.why, style="red", highlight=False, soft_wrap=True, markup=False)
    changing = sum(step.verdict in ("create", "update") for step in steps)
    if not changing and not any(step.verdict == "blocked" for step in steps):
        out.print("unchanged: everything is as the settings say")
    elif not done:
        note("nothing was changed")


def _document(steps: list[Step], done: bool) -> dict[str, Any]:
    changing = sum(step.verdict in ("create", "update") for step in steps)
    return {
        "applied": done,
        "changed" if done else "would_change": changing,
        "resources": [step.described() for step in steps],
    }


def _table(steps: list[Step], done: bool) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("resource", "name", "", "what"):
        table.add_column(heading, overflow="fold")
    for step in steps:
        verdict = DONE.get(step.verdict, step.verdict) if done else step.verdict
        changed = ", ".join(change.aspect for change in step.changes)
        what = "; ".join(map(str, step.changes)) if len(str(step.changes)) < 300 else changed
        table.add_row(
            step.resource.kind,
            Text(step.resource.name),
            Text(verdict, style=STYLE[step.verdict]),
            Text(what if step.verdict == "update" else ""),
        )
    return table


def _list_actions(site: Site, as_json: bool) -> None:
    from glue.stack import actions, resources

    names = actions(resources(site))
    if as_json:
        print_json(names)
    else:
        out.print("\n".join(names), highlight=False)
