"""The stranger's sink of the docs: its own tests, its own package, and the page that prints it."""

from __future__ import annotations

import configparser
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from kcl_app.plugins import GROUP, plugin

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "sqlite_sink"


def test_the_example_passes_the_suite_that_it_inherits() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert "passed" in ran.stdout
    assert "skipped" not in ran.stdout


def test_the_example_is_found_by_the_name_in_its_setup_cfg(monkeypatch: pytest.MonkeyPatch) -> None:
    read = configparser.ConfigParser()
    read.read(EXAMPLE / "setup.cfg")
    name, value = read["options.entry_points"][GROUP].strip().split(" = ")
    monkeypatch.syspath_prepend(str(EXAMPLE))
    assert plugin(name, {name: EntryPoint(name, value, GROUP)}).__name__ == "SqliteSink"


@pytest.mark.parametrize(
    ("file", "start"), [("acme_sqlite.py", "@dataclass"), ("test_acme_sqlite.py", "class ")]
)
def test_the_docs_print_the_example_as_it_is(file: str, start: str) -> None:
    code = (EXAMPLE / file).read_text()
    shown = code[code.index(start) :].strip()
    assert shown in (ROOT / "docs" / "sinks.md").read_text()
