"""Where a demo stands: a folder nobody else uses, and settings nobody else makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config.settings import Settings
from deploy.demo.ground import Ground, held, shut_out_the_environment
from deploy.local.emulator import LocalError


def test_two_demos_at_once_have_a_folder_each(tmp_path: Path) -> None:
    with Ground(tmp_path, 1).folder() as one, Ground(tmp_path, 1).folder() as other:
        assert one != other
        assert one.is_dir()
        assert other.is_dir()


def test_a_demo_that_ended_well_leaves_nothing(tmp_path: Path) -> None:
    with Ground(tmp_path, 1).folder() as folder:
        (folder / "aws.log").write_text("fine")
    assert not folder.exists()


def test_an_interrupted_demo_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Ground(tmp_path, 1).folder() as folder:
        raise KeyboardInterrupt
    assert not folder.exists()


def test_a_failed_demo_leaves_its_logs_until_the_next_one(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Ground(tmp_path, 1).folder() as folder:
        raise RuntimeError((folder / "aws.log").write_text("why it failed"))
    assert (folder / "aws.log").read_text() == "why it failed"
    with Ground(tmp_path, 1).folder() as fresh:
        assert list(fresh.glob("*.log")) == []


def test_a_folder_in_use_is_not_swept_away(tmp_path: Path) -> None:
    used = tmp_path / "demo" / "tapeline-0"
    used.mkdir(parents=True)
    with held(used), Ground(tmp_path, 1).folder() as other:
        assert used.is_dir()
        assert other != used


def test_the_workers_run_folder_is_the_demos(tmp_path: Path) -> None:
    with Ground(tmp_path, 1).folder() as folder:
        application = Ground(tmp_path, 1).site("http://127.0.0.1:1", folder).settings.application
        assert Path(application.run_dir) / f"{application.name}-{application.instance}" == folder


def test_the_environment_does_not_reach_a_demos_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPELINE_STREAM__NAME", "mine")
    settings = Ground(tmp_path, 3).site("http://127.0.0.1:1", tmp_path / "tapeline-0").settings
    assert settings.stream.name == Settings.model_fields["stream"].default.name
    assert settings.stream.shards == 3


def test_no_setting_or_credential_is_left_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        os,
        "environ",
        {
            "HOME": "/home/me",
            "AWS_PROFILE": "work",
            "AWS_SECRET_ACCESS_KEY": "x",
            "TAPELINE_ENDPOINT_URL": "http://elsewhere",
            "no_proxy": "example.org",
        },
    )
    shut_out_the_environment()
    assert os.environ == {
        "HOME": "/home/me",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "no_proxy": "example.org,127.0.0.1,localhost",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def test_a_demo_that_is_to_stay_refuses_where_another_aws_stands(tmp_path: Path) -> None:
    first = Ground(tmp_path, 1, keep=True)
    with first.folder() as folder:
        aws = first.start(folder)
    try:
        assert folder.is_dir()
        second = Ground(tmp_path, 1, keep=True)
        with pytest.raises(LocalError, match="tapeline local down"), second.folder():
            pass
        with Ground(tmp_path, 1).folder():
            assert folder.is_dir()
    finally:
        first.end(aws)
