"""make finds a Python that runs, installs once, and mends a broken environment.

The Python here is a shell script that writes down what it is asked.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = ("setup.cfg", "pyproject.toml", "constraints.txt")
FAKE = """#!/bin/bash
echo "$@" >>"{log}"
case "$*" in
    *sys.executable*) echo "{path}" ;;
    "-m venv "*) mkdir -p "$3/bin" && cp "{path}" "$3/bin/python" ;;
esac
exit 0
"""


class Clone:
    """A copy of the doors in a folder of its own, with a Python that only takes notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.parent / "asked"
        self.python = fake_python(folder.parent / "fake" / "python3.12", self.log)
        shutil.copytree(ROOT / ".ci", folder / ".ci")
        for name in FILES:
            shutil.copy(ROOT / name, folder)

    def install(self) -> list[str]:
        """Run the door; what Python was asked meanwhile, without the look at what is there."""
        self.log.write_text("")
        env = {"PATH": "/usr/bin:/bin", "PYTHON": str(self.python)}
        subprocess.run([self.folder / ".ci/install"], env=env, check=True, capture_output=True)
        return [line for line in self.log.read_text().splitlines() if line.startswith("-m ")]


def fake_python(path: Path, log: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FAKE.format(log=log, path=path))
    path.chmod(0o755)
    return path


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


def test_the_first_run_makes_an_environment_and_installs_with_exact_versions(clone: Clone) -> None:
    venv, tools, ours = clone.install()
    assert venv == "-m venv .venv"
    assert "--constraint constraints.txt pip setuptools wheel" in tools
    assert "--constraint constraints.txt --editable .[dev]" in ours


def test_a_second_run_installs_nothing(clone: Clone) -> None:
    clone.install()
    assert clone.install() == []


@pytest.mark.parametrize("file", FILES)
def test_a_changed_requirement_is_installed_into_the_same_environment(
    clone: Clone, file: str
) -> None:
    clone.install()
    with (clone.folder / file).open("a") as changed:
        changed.write("# changed\n")
    asked = clone.install()
    assert [line for line in asked if "venv" in line] == []
    assert len(asked) == 2


def test_an_environment_whose_python_is_gone_is_made_anew(clone: Clone) -> None:
    clone.install()
    (clone.folder / ".venv/bin/python").unlink()
    (clone.folder / ".venv/bin/python").symlink_to("/nowhere/python3.12")
    assert clone.install()[0] == "-m venv .venv"


def test_an_environment_that_was_moved_is_made_anew(clone: Clone, tmp_path: Path) -> None:
    clone.install()
    clone.folder = clone.folder.rename(tmp_path / "moved")
    assert clone.install()[0] == "-m venv .venv"


def test_an_install_that_was_cut_short_is_done_again(clone: Clone) -> None:
    clone.install()
    (clone.folder / ".venv/installed").unlink()
    assert len(clone.install()) == 2


def found(path: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / ".ci/python"], env={"PATH": path, **env}, capture_output=True, text=True
    )


def test_a_shim_that_is_dead_is_passed_over(tmp_path: Path) -> None:
    dead = tmp_path / "shims" / "python3.12"
    dead.parent.mkdir()
    dead.write_text("#!/bin/sh\nexit 127\n")
    dead.chmod(0o755)
    alive = fake_python(tmp_path / "alive" / "python3.13", tmp_path / "asked")
    path = os.pathsep.join([str(dead.parent), str(alive.parent), "/usr/bin", "/bin"])
    assert found(path).stdout.strip() == str(alive)


def test_a_python_under_pyenv_is_found_without_its_shims(tmp_path: Path) -> None:
    root = tmp_path / "pyenv"
    alive = fake_python(root / "versions/3.13.9/bin/python3", tmp_path / "asked")
    old = tmp_path / "old" / "python3"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for name in ("python3.12", "python3.13", "python3.14"):
        shutil.copy(old, old.parent / name)
    path = os.pathsep.join([str(old.parent), "/usr/bin", "/bin"])
    assert found(path, PYENV_ROOT=str(root)).stdout.strip() == str(alive)


def test_a_python_that_cannot_serve_is_refused_by_name(tmp_path: Path) -> None:
    answer = found("/usr/bin:/bin", PYTHON="/nowhere/python3.12")
    assert answer.returncode == 1
    assert "PYTHON=/nowhere/python3.12 does not run" in answer.stderr
