"""TOML < environment < flags, and errors that say which keys and values there are."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from config.settings import ENV_PREFIX, Settings

FILE = "tapeline.toml"
FILE_VARIABLE = "TAPELINE_CONFIG"


class SettingsError(Exception):
    """A setting is unknown or wrong. The text names key, value and remedy."""


def load(
    path: str | None = None,
    flags: Mapping[str, Any] | None = None,
    below: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings of this process.

    ``path``, else ``TAPELINE_CONFIG``, else ``tapeline.toml`` where it exists.
    ``flags`` are dotted keys to values, as ``--set`` gives them; ``below`` are the
    same, for where nothing else speaks. Raises SettingsError.
    """
    layers = [nested(below or {}), _file(path), _environment(), nested(flags or {})]
    merged: dict[str, Any] = {}
    for layer in layers:
        merged = _merged(merged, layer)
    _refuse_unknown(merged, Settings)
    try:
        return _Merged(**merged)
    except ValidationError as wrong:
        raise SettingsError(_explained(wrong)) from None


class _Merged(Settings):
    """Settings from the merged layers alone."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *others: PydanticBaseSettingsSource,
        **named: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def assigned(pairs: Sequence[str]) -> dict[str, Any]:
    """``["cut.seconds=5"]`` as a mapping; a list is written as in TOML or JSON: ``["1m", "5m"]``.

    Raises SettingsError where there is no ``=``, or a list that isn't one.
    """
    for pair in pairs:
        if "=" not in pair:
            raise SettingsError(f"--set {pair}: write KEY=VALUE, such as --set cut.seconds=5")
    return {key: _listed_value(key, value) for key, value in (p.split("=", 1) for p in pairs)}


def _listed_value(key: str, value: str) -> Any:
    if not value.startswith("["):
        return value
    try:
        return json.loads(value)
    except ValueError as wrong:
        raise SettingsError(
            f"--set {key}={value}: not a list ({wrong}); write it as "
            '--set \'windows.intervals=["1m", "5m"]\''
        ) from None


def nested(dotted: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in dotted.items():
        *sections, leaf = key.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[leaf] = value
    return tree


def known_keys(model: type[BaseModel] = Settings, lead: str = "") -> list[str]:
    """Every key that may be set, dotted."""
    keys: list[str] = []
    for name, info in model.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += known_keys(kind, f"{lead}{name}.")
        else:
            keys.append(lead + name)
    return keys


def _file(path: str | None) -> dict[str, Any]:
    named = path or os.environ.get(FILE_VARIABLE)
    file = Path(named or FILE)
    if not named and not file.exists():
        return {}
    try:
        return tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise SettingsError(f"{file}: no such settings file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        raise SettingsError(f"{file}: not TOML: {wrong}") from None


def _environment() -> dict[str, Any]:
    ours = {k for k in os.environ if k.startswith(ENV_PREFIX)} - {FILE_VARIABLE}
    dotted = {k: k.removeprefix(ENV_PREFIX).lower().replace("__", ".") for k in ours}
    known = set(known_keys())
    for variable, key in sorted(dotted.items()):
        if key not in known and key not in Settings.model_fields:
            raise SettingsError(_unknown(key, f"environment variable {variable}"))
    try:
        return dict(EnvSettingsSource(Settings)())
    except Exception as wrong:
        raise SettingsError(f"environment: {wrong}") from None


def _merged(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    both = dict(low)
    for key, value in high.items():
        under = both.get(key)
        both[key] = (
            _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
        )
    return both


def _refuse_unknown(tree: Mapping[str, Any], model: type[BaseModel], lead: str = "") -> None:
    for key, value in tree.items():
        info = model.model_fields.get(key)
        if info is None:
            raise SettingsError(_unknown(lead + key, "settings"))
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if not isinstance(value, Mapping):
                raise SettingsError(f"{lead + key} is a section; its keys: {_listed(kind, key)}")
            _refuse_unknown(value, kind, f"{lead}{key}.")


def _listed(model: type[BaseModel], section: str) -> str:
    return ", ".join(f"{section}.{name}" for name in model.model_fields)


def _unknown(key: str, where: str) -> str:
    known = known_keys()
    close = difflib.get_close_matches(key, known, n=3)
    hint = f"did you mean {' or '.join(close)}?" if close else f"known keys: {', '.join(known)}"
    return f"{where}: unknown key {key}; {hint}"


def _explained(wrong: ValidationError) -> str:
    lines = []
    for error in wrong.errors():
        key = ".".join(str(part) for part in error["loc"]) or "settings"
        lines.append(f"{key} = {error['input']!r}: {error['msg']}")
    return "\n".join(lines)


def dump(settings: Settings) -> bytes:
    """The settings as JSON, for a child process; ``restore`` reads it."""
    return TypeAdapter(dict[str, Any]).dump_json(settings.model_dump(mode="json"))


def restore(body: bytes) -> Settings:
    return _Merged(**TypeAdapter(dict[str, Any]).validate_json(body))
