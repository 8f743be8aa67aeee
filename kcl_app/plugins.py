"""Sinks by name: found through the entry point group ``tapeline.sinks``, built from settings.

Any installed package may add to the group; ours have no other way in. A plugin is
imported only when the settings use it.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, get_origin, get_type_hints

from pydantic import ConfigDict, InstanceOf, PydanticUserError, TypeAdapter, ValidationError

from config.load import SettingsError
from config.settings import SinkUse
from kcl_app.core.contract import Sink

GROUP = "tapeline.sinks"


class PluginError(SettingsError):
    """A sink cannot be built. The text names plugin, field and value, and says what is right."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """One field of a sink, as its author declared it. ``default`` is None where it is required."""

    name: str
    type: str
    required: bool
    default: Any = None


def installed() -> dict[str, EntryPoint]:
    """Every plugin of the group by name. Two packages with one name: PluginError."""
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        twin = found.setdefault(point.name, point)
        if twin.value != point.value:
            raise PluginError(
                f"two sinks are called {point.name}: {_origin(twin)} and {_origin(point)}; "
                "uninstall one of the packages"
            )
    return found


def plugin(name: str, known: Mapping[str, EntryPoint] | None = None) -> type[Sink]:
    """The class behind ``name``, imported now. Raises PluginError."""
    known = installed() if known is None else known
    if name not in known:
        raise PluginError(f"no sink is called {name!r}; {_nearest(name, known)}")
    point = known[name]
    try:
        made = point.load()
    except Exception as wrong:
        raise PluginError(
            f"sink {name} of {_origin(point)} cannot be imported: {type(wrong).__name__}: {wrong}"
        ) from wrong
    if not (isinstance(made, type) and issubclass(made, Sink) and _decorated(made)):
        raise PluginError(f"sink {name} of {_origin(point)} is not a dataclass that extends Sink")
    return made


def settings_of(kind: type[Sink]) -> tuple[Setting, ...]:
    """The settings of a sink class: its dataclass fields, in their order."""
    return tuple(_setting(field) for field in dataclasses.fields(kind) if field.init)


def build(
    uses: Sequence[SinkUse], site: Any, known: Mapping[str, EntryPoint] | None = None
) -> dict[str, Sink]:
    """Sinks in the order of the settings, by name; none is opened.

    A plugin used twice gets ``-2`` and so on behind its name. Raises PluginError.
    """
    known = installed() if known is None else known
    built: dict[str, Sink] = {}
    for place, use in enumerate(uses):
        times = sum(earlier.use == use.use for earlier in uses[:place])
        name = f"{use.use}-{times + 1}" if times else use.use
        built[name] = make(use.use, use.fields, known)
        built[name].site = site
    return built


def make(name: str, fields: Mapping[str, Any], known: Mapping[str, EntryPoint]) -> Sink:
    """One sink with its fields checked against the types its author declared."""
    kind = plugin(name, known)
    values = _checked(name, kind, fields, known)
    try:
        return kind(**values)
    except (TypeError, ValueError) as wrong:
        raise PluginError(f"sink {name}: {wrong}") from wrong


def _checked(
    name: str, kind: type[Sink], fields: Mapping[str, Any], known: Mapping[str, EntryPoint]
) -> dict[str, Any]:
    settings = settings_of(kind)
    names = [setting.name for setting in settings]
    for given, value in fields.items():
        if given not in names:
            raise PluginError(
                f"sink {name} has no field {given} (given {value!r}); {_nearest(given, names)}"
            )
    missing = [s for s in settings if s.required and s.name not in fields]
    if missing:
        wanted = ", ".join(f"{s.name} ({s.type})" for s in missing)
        raise PluginError(f"sink {name} needs {wanted}; set it beside use = {name!r}")
    hints = _hints(name, kind)
    return {field: _value(name, field, hints[field], fields[field], known) for field in fields}


def _value(name: str, field: str, hint: Any, value: Any, known: Mapping[str, EntryPoint]) -> Any:
    """``value`` as ``hint`` wants it; a table with ``use`` becomes the sink that it names."""
    nested = _sinks_in(value, known)
    try:
        return _adapter(hint).validate_python(nested)
    except ValidationError as wrong:
        why = wrong.errors()[0]["msg"]
        raise PluginError(
            f"sink {name}: {field} = {value!r} is not {_spoken(hint)}: {why}"
        ) from None
    except PydanticUserError as wrong:
        raise PluginError(
            f"sink {name}: the type of its field {field} cannot be checked: {wrong}"
        ) from wrong


def _sinks_in(value: Any, known: Mapping[str, EntryPoint]) -> Any:
    if isinstance(value, Mapping) and "use" in value:
        return make(str(value["use"]), {k: v for k, v in value.items() if k != "use"}, known)
    if isinstance(value, list | tuple):
        return [_sinks_in(one, known) for one in value]
    return value


def _adapter(hint: Any) -> TypeAdapter[Any]:
    """Checks types, never copies: a sink in a field stays the object that it is."""
    if isinstance(hint, type) and issubclass(hint, Sink):
        return TypeAdapter(InstanceOf[hint])
    if dataclasses.is_dataclass(hint):
        return TypeAdapter(hint)
    return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))


def _hints(name: str, kind: type[Sink]) -> dict[str, Any]:
    try:
        return get_type_hints(kind, include_extras=True)
    except (NameError, TypeError) as wrong:
        raise PluginError(
            f"sink {name}: the types of its fields cannot be read: {wrong}"
        ) from wrong


def _decorated(kind: type) -> bool:
    """Itself, not by its parent: without @dataclass its own fields would be no settings."""
    return "__dataclass_fields__" in vars(kind)


def _setting(field: dataclasses.Field[Any]) -> Setting:
    spoken = field.type if isinstance(field.type, str) else _spoken(field.type)
    if field.default is not dataclasses.MISSING:
        return Setting(field.name, spoken, False, field.default)
    if field.default_factory is not dataclasses.MISSING:
        return Setting(field.name, spoken, False, field.default_factory())
    return Setting(field.name, spoken, True)


def _spoken(hint: Any) -> str:
    plain = isinstance(hint, type) and get_origin(hint) is None
    return hint.__name__ if plain else str(hint).replace("typing.", "")


def _nearest(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}known: {', '.join(names) or 'none'}"


def _origin(point: EntryPoint) -> str:
    package = point.dist.name if point.dist else "an unknown package"
    return f"{package} ({point.value})"
