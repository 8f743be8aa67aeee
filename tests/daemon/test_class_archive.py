"""The archive of classes, with the real Java."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from kcl_app.class_archive import ClassArchive
from kcl_app.java import class_path, java


@pytest.fixture
def archive(tmp_path: Path) -> ClassArchive:
    return ClassArchive(tmp_path, java(), class_path())


def run(archive: ClassArchive) -> subprocess.CompletedProcess[str]:
    """Java's version, said by a Java with the archive's flags."""
    command = [str(java()), *archive.flags(), "-cp", class_path(), "--version"]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_the_first_run_notes_its_classes_and_the_next_uses_their_archive(
    archive: ClassArchive, tmp_path: Path
) -> None:
    run(archive)
    archive.make()
    assert [file.name for file in tmp_path.iterdir()] == [archive.file.name]
    assert f"-XX:SharedArchiveFile={archive.file}" in archive.flags()
    assert "sharing" in run(archive).stdout


def test_java_does_without_an_archive_that_does_not_fit(archive: ClassArchive) -> None:
    archive.file.write_bytes(b"not an archive" * 1000)
    said = run(archive).stdout
    assert "openjdk" in said
    assert "sharing" not in said


def test_a_list_that_java_cannot_read_leaves_no_archive(
    archive: ClassArchive, tmp_path: Path
) -> None:
    noted = Path(archive.flags()[0].removeprefix("-XX:DumpLoadedClassList="))
    noted.write_text("@no-such-directive\n")
    archive.make()
    assert list(tmp_path.iterdir()) == []


def test_without_a_list_there_is_nothing_to_make(archive: ClassArchive, tmp_path: Path) -> None:
    archive.make()
    assert list(tmp_path.iterdir()) == []


def test_other_jars_have_another_archive(tmp_path: Path) -> None:
    jar = tmp_path / "a.jar"
    jar.write_bytes(b"1")
    one = ClassArchive(tmp_path, java(), f"{tmp_path}/*").file
    jar.write_bytes(b"22")
    assert ClassArchive(tmp_path, java(), f"{tmp_path}/*").file != one
