from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli import sinks
from kcl_app import plugins


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings file and no local AWS of the developer's own."""
    monkeypatch.chdir(tmp_path)


def told(*flags: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    sinks.register(app)
    return CliRunner().invoke(app, ["sinks", *flags])


def test_every_sink_is_listed_with_settings_and_guarantee() -> None:
    listed = {each["name"]: each for each in json.loads(told("--json").stdout)}
    assert {"dynamodb", "parquet", "sns", "retrying"} <= set(listed)
    assert listed["parquet"]["when"] == "cut"
    assert "once" in listed["parquet"]["guarantee"]
    assert {"name": "level", "type": "int", "required": False, "default": 1} in listed["parquet"][
        "settings"
    ]


def test_sinks_of_the_settings_are_marked(tmp_path: Path) -> None:
    (tmp_path / "tapeline.toml").write_text('[[sinks]]\nuse = "parquet"\n')
    used = [each["name"] for each in json.loads(told("--json").stdout) if each["used"]]
    assert used == ["parquet"]


def test_wrong_fields_in_the_settings_are_said_with_exit_code_two(tmp_path: Path) -> None:
    (tmp_path / "tapeline.toml").write_text('[[sinks]]\nuse = "parquet"\nlevl = 3\n')
    answer = told()
    assert answer.exit_code == 2
    assert "sink parquet has no field levl (given 3); did you mean level?" in answer.output


def test_a_person_sees_types_as_they_are_written() -> None:
    assert "tuple[str, ...]" in told().stdout


def test_a_plugin_that_cannot_be_imported_is_listed_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = EntryPoint("lost", "no_such_package:Sink", plugins.GROUP)
    ours = plugins.installed()
    monkeypatch.setattr(plugins, "installed", lambda: {**ours, "lost": lost})
    listed = {each["name"]: each for each in json.loads(told("--json").stdout)}
    assert "No module named 'no_such_package'" in listed["lost"]["error"]
    assert "cannot be imported" in told().stdout
