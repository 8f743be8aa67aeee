"""How files are to be read: the options of every command that reads some."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cli.console import fail

PANEL = "Reading files"

MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="Which column a field is in; may be repeated.",
        rich_help_panel=PANEL,
    ),
]
SymbolOption = Annotated[
    str, typer.Option("--symbol", help="The symbol of every row.", rich_help_panel=PANEL)
]
KindOption = Annotated[
    str,
    typer.Option(
        "--kind",
        help="quote, trade or bar; default: by the columns.",
        rich_help_panel=PANEL,
    ),
]
TimezoneOption = Annotated[
    str,
    typer.Option(
        "--timezone", help="Of times that name none; default: UTC.", rich_help_panel=PANEL
    ),
]
TimeFormatOption = Annotated[
    str,
    typer.Option(
        "--time-format",
        help="strptime format of times that are not ISO 8601.",
        rich_help_panel=PANEL,
    ),
]
HeaderOption = Annotated[
    str,
    typer.Option(
        "--header",
        metavar="A,B,C",
        help="Column names of CSV files without a header.",
        rich_help_panel=PANEL,
    ),
]
LimitOption = Annotated[
    int,
    typer.Option(
        "--limit", min=0, help="End after so many ticks; 0: no end.", rich_help_panel=PANEL
    ),
]


def reading(
    mapping: list[str] | None,
    symbol: str,
    kind: str,
    timezone: str,
    time_format: str,
    header: str,
    limit: int,
) -> dict[str, Any]:
    """Those given, as settings of the replay source. Ends the command with 2 for a wrong one."""
    options = {
        "map": dict(pair(text, "--map", "FIELD=COLUMN") for text in mapping or []),
        "symbol": symbol,
        "kind": kind,
        "timezone": timezone,
        "time_format": time_format,
        "header": header,
        "limit": limit,
    }
    return {name: value for name, value in options.items() if value}


def pair(text: str, option: str, form: str) -> tuple[str, str]:
    """``NAME=VALUE``. Ends the command with 2 for anything else."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        fail(f"{option} {text}: write {form}", code=2)
    return name, value
