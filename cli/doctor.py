"""tapeline doctor: is everything here that it takes?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from cli.console import err, out, print_json
from cli.options import LOCAL, ConfigOption, JsonOption, SetOption, site_of

if TYPE_CHECKING:
    from config.site import Site
    from glue.check import Check

STYLE = {"ok": "green", "warn": "yellow", "fail": "red"}


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    config: ConfigOption = None, pairs: SetOption = None, as_json: JsonOption = False
) -> None:
    """Look at this machine, the credentials and the stack; say what is wrong and what to do.

    Asks AWS, and puts one object into the lake and removes it again. Exit code 1 where
    something fails.

    Example: `tapeline doctor --json`
    """
    site = site_of(config, pairs)
    with err.status("looking"):
        checks = list(_checks(site))
    fails = [check for check in checks if check.verdict == "fail"]
    if as_json:
        print_json({"ok": not fails, "checks": [asdict(check) for check in checks]})
    else:
        _show(checks)
    if fails:
        raise typer.Exit(1)


def _checks(site: Site) -> Iterator[Check]:
    from deploy.local import machine
    from glue import doctor as stack

    yield from machine.examine(site.settings, LOCAL)
    yield from stack.examine(site, lambda: datetime.now(UTC))


def _show(checks: list[Check]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for check in checks:
        saw = check.saw if not check.remedy else f"{check.saw}\n-> {check.remedy}"
        table.add_row(Text(check.verdict, STYLE[check.verdict]), Text(check.name), Text(saw))
    out.print(table)
    counts = {v: sum(c.verdict == v for c in checks) for v in STYLE}
    out.print(", ".join(f"{n} {verdict}" for verdict, n in counts.items()), highlight=False)
