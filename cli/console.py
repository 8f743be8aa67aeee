"""What a person sees: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import typer
from rich.console import Console

out = Console()
err = Console(stderr=True)


def note(sentence: str) -> None:
    """Say something that is not the result."""
    err.print(sentence, style="dim", highlight=False, soft_wrap=True, markup=False)


def fail(sentence: str, code: int = 1) -> NoReturn:
    """End the command: what is wrong and what to do, then the exit code."""
    err.print(f"tapeline: {sentence}", style="red", highlight=False, soft_wrap=True, markup=False)
    raise typer.Exit(code)


def print_json(value: Any) -> None:
    """One JSON document on stdout; times as ISO text."""
    typer.echo(json.dumps(value, default=str))
