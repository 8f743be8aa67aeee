"""The tapeline command. A module of this package registers its commands on the app."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from cli.console import err

MODULES: tuple[str, ...] = (
    "demo",
    "local",
    "apply",
    "doctor",
    "produce",
    "worker",
    "replay",
    "sinks",
    "query",
    "verify",
    "gap",
)
"""Modules of ``cli`` with ``register(app)``, in the order of the help page. Cheap to import."""

app = typer.Typer(
    name="tapeline",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help=(
        "Market ticks from Kinesis to Parquet, each stored once.\n\n"
        "Begin with `tapeline demo`: the whole road on this machine."
    ),
)


VersionOption = Annotated[
    bool, typer.Option("--version", help="Print the version and end.", is_eager=True)
]


@app.callback(invoke_without_command=True)
def tapeline(version: VersionOption = False) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("tapeline"))
        raise typer.Exit


def _explained(error: Exception) -> str | None:
    """The sentence for an error of AWS's; None for any other, which is a fault of ours."""
    if not type(error).__module__.startswith("botocore."):
        return None
    from cli.trouble import sentence

    return sentence(error)


def run() -> None:
    """Console entry point. Exit codes: 0 done, 1 it failed or isn't so, 2 wrong usage."""
    for name in MODULES:
        import_module(f"cli.{name}").register(app)
    try:
        app()
    except Exception as error:
        said = _explained(error)
        if said is None:
            raise
        err.print(f"tapeline: {said}", style="red", highlight=False, soft_wrap=True, markup=False)
        sys.exit(1)
