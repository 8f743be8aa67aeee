"""Options that every command shares, and the settings they add up to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.console import fail, note
from config.load import SettingsError, assigned, load
from config.settings import Settings
from config.site import Site

LOCAL = Path(".tapeline/local.json")
"""Written by ``tapeline local up``: {"endpoint_url": ..., "pid": ...}."""

ConfigOption = Annotated[
    str | None,
    typer.Option("--config", help="Settings file (default: tapeline.toml where it exists)."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override one setting; may be repeated."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def settings_of(
    config: str | None = None, pairs: list[str] | None = None, **flags: Any
) -> Settings:
    """Settings for a command; ``flags`` are dotted keys with ``__`` for the dot, None is unset.

    Where nothing names an endpoint, the local AWS that ``tapeline local up`` left
    running is used, and said. Ends the command with code 2 where a setting is wrong.
    """
    given = {k.replace("__", "."): v for k, v in flags.items() if v is not None}
    local = json.loads(LOCAL.read_text())["endpoint_url"] if LOCAL.exists() else ""
    try:
        settings = load(config, {**assigned(pairs or []), **given}, {"endpoint_url": local})
    except SettingsError as wrong:
        fail(str(wrong), code=2)
    if local and settings.endpoint_url == local:
        note(f"using the local AWS at {local} (tapeline local down ends it)")
    return settings


def site_of(config: str | None = None, pairs: list[str] | None = None, **flags: Any) -> Site:
    """The same as a Site."""
    return Site(settings_of(config, pairs, **flags))
