"""Why a process ended, kept where the supervisor looks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kcl_app.last_words import LONGEST, LastWords


def test_what_was_said_first_stands(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.say("the disk is full")
    words.say("and so the log could not be written")
    assert words.read() == [f"process {os.getpid()}: the disk is full"]


def test_the_first_cause_is_read_before_what_followed(tmp_path: Path) -> None:
    for at, name in [(2, "1"), (1, "2")]:
        (tmp_path / f"{name}.txt").write_text(f"at {at}\ndetail\n")
        os.utime(tmp_path / f"{name}.txt", ns=(at, at))
    assert LastWords(tmp_path).read() == ["at 1", "at 2"]


def test_an_error_keeps_its_sentence_in_one_line_and_where_it_was_raised(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.speaker = "shardId-000000000001"
    try:
        int("a\nb")
    except ValueError as error:
        words.say_error(error)
    (said,) = words.read()
    assert said.startswith("shardId-000000000001: ValueError: invalid literal")
    assert "test_last_words.py" in next(tmp_path.iterdir()).read_text()


def test_long_words_are_bounded(tmp_path: Path) -> None:
    LastWords(tmp_path).say("so " * LONGEST)
    assert next(tmp_path.iterdir()).stat().st_size == LONGEST


def test_words_that_cannot_be_kept_are_said_on_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").write_text("a file stands in the way")
    LastWords(tmp_path / "folder").say("the lease is gone")
    assert "the lease is gone" in capsys.readouterr().err


def test_a_new_run_begins_without_words(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.say("once")
    words.clear()
    assert words.read() == []
