"""The tapeline command. A module of this package registers its commands on the app."""

from __future__ import annotations

from importlib import import_module

import typer

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


@app.callback()
def tapeline() -> None:
    pass


def run() -> None:
    """Console entry point. Exit codes: 0 done, 1 it failed or isn't so, 2 wrong usage."""
    for name in MODULES:
        import_module(f"cli.{name}").register(app)
    app()
