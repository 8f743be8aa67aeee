"""make, continuous integration and the README name the same doors."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = ("demo", "test", "check", "bench", "faults")


def readme_test_command() -> str:
    """The only line of the code block below the heading Tests."""
    found = re.search(r"^## Tests$.*?^```sh\n(.*?)\n```", README, re.MULTILINE | re.DOTALL)
    assert found, "README.md has no section Tests with a command"
    return found[1]


README = (ROOT / "README.md").read_text()
CI = (ROOT / ".ci/run").read_text()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    commands = [line.partition("||")[0].strip() for line in CI.splitlines()]
    assert readme_test_command() in commands


def made(*arguments: str) -> str:
    """What make prints, asked from a shell of its own: these tests may run under make."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    ended = subprocess.run(
        ["make", *arguments], cwd=ROOT, env=alone, capture_output=True, text=True, check=True
    )
    return ended.stdout


def test_bare_make_prints_help_that_names_every_target() -> None:
    shown = made()
    assert [target for target in TARGETS if f"make {target}" not in shown] == []


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_of_make_installs_before_it_runs(target: str) -> None:
    assert made("--dry-run", target).splitlines()[0] == ".ci/install"


def test_the_licence_is_the_whole_apache_licence() -> None:
    licence = (ROOT / "LICENSE").read_text()
    assert "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION" in licence
    assert "APPENDIX: How to apply the Apache License to your work." in licence
    assert licence.rstrip().endswith("limitations under the License.")


def test_no_file_names_a_package_registry() -> None:
    doors = [ROOT / name for name in ("Makefile", "constraints.txt", "setup.cfg", "pyproject.toml")]
    named = re.compile(r"index-url|find-links|https?://", re.IGNORECASE)
    files = [*doors, *(ROOT / ".ci").iterdir()]
    assert [file.name for file in files if named.search(file.read_text())] == []
