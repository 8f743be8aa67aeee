"""The local AWS that stays: found again by other shells, ended, and known when it is gone."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import typer
from typer.testing import CliRunner

from cli import local
from config.settings import Settings
from config.site import Site
from deploy.local import running
from deploy.local.emulator import LocalError


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / ".tapeline" / "local.json"
    yield where
    running.down(where)


@pytest.fixture
def shell(file: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr(local, "LOCAL", file)
    app = typer.Typer()
    local.register(app)
    app.command("other")(lambda: None)
    return app


def test_a_second_up_finds_the_first(file: Path) -> None:
    first = running.up(file)
    again = running.up(file)
    assert first.started
    assert not again.started
    assert again.running == first.running


def test_down_ends_the_process_and_removes_the_file(file: Path) -> None:
    pid = running.up(file).running.pid
    assert running.down(file)[0] == "running"
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert running.state(file) == ("stopped", None)


def test_what_it_holds_outlives_down_and_up(file: Path) -> None:
    _make_bucket(running.up(file).running)
    running.down(file)
    assert _buckets(running.up(file).running) == ["kept"]


def test_fresh_forgets(file: Path) -> None:
    _make_bucket(running.up(file).running)
    running.down(file)
    assert _buckets(running.up(file, fresh=True).running) == []


def test_fresh_is_refused_while_one_runs(file: Path) -> None:
    running.up(file)
    with pytest.raises(LocalError, match="tapeline local down"):
        running.up(file, fresh=True)


def test_after_a_crash_its_files_are_set_aside_and_said(file: Path) -> None:
    crashed = running.up(file).running
    _make_bucket(crashed)
    _crash(crashed)
    assert running.state(file)[0] == "gone"
    again = running.up(file)
    assert again.started
    assert _buckets(again.running) == []
    assert again.lost is not None
    assert list(again.lost.rglob("object"))


def test_another_process_under_an_old_pid_is_not_ours(file: Path) -> None:
    one = running.up(file).running
    running.down(file)
    file.write_text(
        json.dumps(
            {
                "endpoint_url": one.endpoint_url,
                "pid": os.getpid(),
                "port": one.port,
                "folder": one.folder,
            }
        )
    )
    assert running.state(file)[0] == "gone"
    assert running.down(file)[0] == "gone"


def test_a_broken_file_is_named(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"pid"')
    with pytest.raises(LocalError, match=r"local.json is not what .* remove it"):
        running.state(file)
    file.unlink()


def test_status_exits_with_1_where_none_runs(shell: typer.Typer) -> None:
    answer = CliRunner().invoke(shell, ["local", "status", "--json"])
    assert answer.exit_code == 1
    assert json.loads(answer.stdout) == {"state": "stopped"}


def test_down_without_one_says_so(shell: typer.Typer) -> None:
    answer = CliRunner().invoke(shell, ["local", "down"])
    assert (answer.exit_code, answer.stdout) == (0, "no local AWS is running\n")


def test_up_twice_says_that_it_is_running(shell: typer.Typer) -> None:
    CliRunner().invoke(shell, ["local", "up"])
    answer = CliRunner().invoke(shell, ["local", "up"])
    assert answer.exit_code == 0
    assert "is already running at http://127.0.0.1:" in answer.stdout


def _client(one: running.Running) -> Site:
    return Site(Settings(endpoint_url=one.endpoint_url))


def _make_bucket(one: running.Running) -> None:
    s3 = _client(one).client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="object", Body=b"body")


def _buckets(one: running.Running) -> list[str]:
    return [b["Name"] for b in _client(one).client("s3").list_buckets()["Buckets"]]


def _crash(one: running.Running) -> None:
    process = psutil.Process(one.pid)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
