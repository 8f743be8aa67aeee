"""tapeline sinks: what can be written to, with which settings, under which guarantee."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from cli.console import fail, out, print_json
from cli.options import ConfigOption, JsonOption, SetOption, settings_of

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from kcl_app.core.contract import Sink


def register(app: typer.Typer) -> None:
    app.command()(sinks)


def sinks(
    config: ConfigOption = None, pairs: SetOption = None, as_json: JsonOption = False
) -> None:
    """List every installed sink: its settings, when it is written, and what a repeat does.

    A sink is used by a table of the settings file, in writing order:
    `[[sinks]]`, `use = "dynamodb"`, `table = "my-table"`. Sinks that the settings
    use are marked, and their fields are checked.
    """
    from kcl_app.plugins import PluginError, build, installed

    settings = settings_of(config, pairs)
    try:
        plugins = installed()
        used = [use.use for use in settings.sinks]
        build(settings.sinks, None)
    except PluginError as wrong:
        fail(str(wrong), code=2)
    listed = [described(point, name in used) for name, point in plugins.items()]
    if as_json:
        print_json(listed)
    else:
        for each in listed:
            show(each)


def described(point: EntryPoint, used: bool) -> dict[str, Any]:
    """A plugin as JSON has it. One that can't be imported has an ``error`` in place of the rest."""
    from kcl_app.plugins import PluginError, plugin, settings_of

    known = {
        "name": point.name,
        "package": point.dist.name if point.dist else None,
        "class": point.value,
        "used": used,
    }
    try:
        kind = plugin(point.name, {point.name: point})
        fields = [
            {"name": s.name, "type": s.type, "required": s.required, "default": s.default}
            for s in settings_of(kind)
        ]
    except PluginError as wrong:
        return {**known, "error": str(wrong)}
    return {
        **known,
        "when": said(kind, "when", "as the sink inside"),
        "guarantee": said(kind, "guarantee", "that of the sink inside"),
        "settings": fields,
    }


def said(kind: type[Sink], name: str, inside: str) -> str:
    """What the class says; a sink around another one can't say it before it is made."""
    value = getattr(kind, name)
    return value if isinstance(value, str) else inside


WRITTEN = {"batch": "with every call", "cut": "with every cut"}


def show(each: dict[str, Any]) -> None:
    used = ", used" if each["used"] else ""
    package = each["package"] or "an unknown package"
    when = each.get("when", "")
    written = f"; written {WRITTEN.get(when, when)}" if when else ""
    lines = [f"  {each.get('error') or each['guarantee']}"]
    lines += [f"  {setting(field)}" for field in each.get("settings", ())]
    out.print(Text(each["name"], style="bold"), Text(f"of {package}{used}{written}"))
    out.print(Text("\n".join(lines) + "\n"), soft_wrap=True)


def setting(field: dict[str, Any]) -> str:
    default = "(required)" if field["required"] else f"= {field['default']!r}"
    return f"{field['name']}: {field['type']} {default}"
