from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Literal

import pytest

from config.settings import Settings, SinkUse
from kcl_app import plugins
from kcl_app.core.contract import Sink
from kcl_app.plugins import PluginError, build, installed, plugin, settings_of


@dataclass
class Pigeon(Sink):
    """Carries batches on foot."""

    loft: str
    rings: int = 2
    tone: Literal["coo", "rou"] = "coo"
    routes: tuple[str, ...] = ()
    speed: float | None = None
    flown: list[str] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if self.rings < 0:
            raise ValueError(f"rings = {self.rings} must not be negative")


@dataclass
class Flock(Sink):
    """Two sinks in one."""

    first: Sink
    others: tuple[Sink, ...] = ()


class Undecorated(Sink):
    loft: str


def entry(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, plugins.GROUP)


HERE = "tests.test_plugins"
KNOWN = {
    "pigeon": entry("pigeon", f"{HERE}:Pigeon"),
    "flock": entry("flock", f"{HERE}:Flock"),
    "lost": entry("lost", "no_such_package:Sink"),
    "text": entry("text", f"{HERE}:HERE"),
}


def made(use: str, **fields: Any) -> Any:
    return build([SinkUse(use=use, **fields)], "site", KNOWN)[use]


def refusal(use: str, **fields: Any) -> str:
    with pytest.raises(PluginError) as refused:
        made(use, **fields)
    return str(refused.value)


def test_a_sink_is_built_from_its_fields_and_knows_its_site() -> None:
    pigeon = made("pigeon", loft="A", rings=3, routes=["x", "y"], speed=1)
    assert (pigeon.loft, pigeon.rings, pigeon.routes) == ("A", 3, ("x", "y"))
    assert pigeon.site == "site"


def test_values_from_the_environment_come_as_text_and_become_their_type() -> None:
    assert made("pigeon", loft="A", rings="7").rings == 7


def test_an_unknown_sink_is_answered_with_the_nearest_and_all_known() -> None:
    assert refusal("pigoen") == (
        "no sink is called 'pigoen'; did you mean pigeon? known: flock, lost, pigeon, text"
    )


def test_an_unknown_field_is_answered_with_the_nearest_and_all_fields() -> None:
    assert refusal("pigeon", loft="A", ring=3) == (
        "sink pigeon has no field ring (given 3); did you mean rings? known: loft, rings, "
        "routes, speed, tone"
    )


def test_fields_that_are_not_settings_cannot_be_set() -> None:
    assert "no field site" in refusal("pigeon", loft="A", site="elsewhere")
    assert "no field flown" in refusal("pigeon", loft="A", flown=[])


def test_a_missing_field_is_named_with_its_type() -> None:
    assert refusal("pigeon") == "sink pigeon needs loft (str); set it beside use = 'pigeon'"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"rings": "many"}, "rings = 'many' is not int"),
        ({"rings": 1.5}, "rings = 1.5 is not int"),
        ({"tone": "squeak"}, "Input should be 'coo' or 'rou'"),
        ({"routes": 5}, "routes = 5 is not tuple[str, ...]"),
        ({"loft": 3}, "loft = 3 is not str"),
        ({"rings": -1}, "sink pigeon: rings = -1 must not be negative"),
    ],
)
def test_a_wrong_value_is_named_with_its_field_and_what_is_right(
    fields: dict[str, Any], sentence: str
) -> None:
    assert sentence in refusal("pigeon", **{"loft": "A", **fields})


def test_a_plugin_that_cannot_be_imported_is_named_with_its_package_and_the_reason() -> None:
    assert refusal("lost") == (
        "sink lost of an unknown package (no_such_package:Sink) cannot be imported: "
        "ModuleNotFoundError: No module named 'no_such_package'"
    )


def test_what_is_no_sink_is_refused() -> None:
    assert "is not a dataclass that extends Sink" in refusal("text")


def test_a_sink_whose_author_forgot_the_decorator_is_refused() -> None:
    with pytest.raises(PluginError, match="not a dataclass"):
        plugin("bare", {"bare": entry("bare", f"{HERE}:Undecorated")})


def test_a_sink_in_a_field_is_a_table_with_use() -> None:
    inner = {"use": "pigeon", "loft": "A"}
    flock = made("flock", first=inner, others=[inner, {"use": "pigeon", "loft": "B"}])
    assert flock.first == Pigeon("A")
    assert flock.others == (Pigeon("A"), Pigeon("B"))


def test_a_wrong_field_of_an_inner_sink_is_named_too() -> None:
    assert "sink pigeon has no field x" in refusal("flock", first={"use": "pigeon", "x": 1})


def test_what_is_no_sink_in_a_sinks_field_is_refused() -> None:
    assert "first = 'pigeon' is not Sink" in refusal("flock", first="pigeon")


def test_a_plugin_used_twice_has_two_names() -> None:
    uses = [SinkUse(use="pigeon", loft=loft) for loft in "AB"]
    assert list(build(uses, None, KNOWN)) == ["pigeon", "pigeon-2"]


def test_two_packages_with_one_name_are_told_apart_by_the_operator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twins = [entry("pigeon", "a:A"), entry("pigeon", "b:B")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: twins)
    with pytest.raises(PluginError, match=r"two sinks are called pigeon.*uninstall one"):
        installed()


def test_settings_are_listed_as_the_author_declared_them() -> None:
    listed = [(s.name, s.type, s.required, s.default) for s in settings_of(Pigeon)]
    assert listed[:2] == [("loft", "str", True, None), ("rings", "int", False, 2)]


def test_the_default_settings_name_installed_sinks_in_writing_order() -> None:
    built = build(Settings().sinks, None)
    assert list(built) == ["dynamodb", "sns", "parquet"]
    assert built["parquet"].when == "cut"


def test_building_the_default_sinks_imports_neither_pandas_nor_awswrangler() -> None:
    """They cost 0.5 s and 75 MB; the parquet sink imports them when it opens."""
    asked = (
        "import sys; from config.settings import Settings; from kcl_app.plugins import build; "
        "build(Settings().sinks, None); print({'pandas', 'awswrangler'} & set(sys.modules))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "set()"


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of a stranger, as pip leaves it: a module and its dist-info."""
    (tmp_path / "acme_ravens.py").write_text(
        "from dataclasses import dataclass\nfrom sinks import Sink\n"
        "@dataclass\nclass Raven(Sink):\n    nest: str = 'oak'\n"
    )
    info = tmp_path / "acme_ravens-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-ravens\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[tapeline.sinks]\nraven = acme_ravens:Raven\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("acme_ravens", None)


def test_a_strangers_package_is_found_and_has_every_right_of_ours(stranger: None) -> None:
    (raven,) = build([SinkUse(use="raven", nest="elm")], None).values()
    assert type(raven).__module__ == "acme_ravens"
    assert vars(raven)["nest"] == "elm"
