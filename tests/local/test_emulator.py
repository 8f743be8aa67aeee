"""The emulator as a child process: one loopback port, a folder of ours, no orphans."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from config.settings import Settings
from config.site import Site
from deploy.local import child, emulator
from deploy.local.emulator import HOST, LocalAws, LocalError


def test_it_listens_on_one_port_of_loopback_alone(emulator: LocalAws) -> None:
    process = psutil.Process(emulator.pid)
    open_ports = [
        (s.laddr.ip, s.laddr.port)
        for one in [process, *process.children(recursive=True)]
        for s in one.net_connections("inet")
        if s.status in (psutil.CONN_LISTEN, psutil.CONN_NONE)
    ]
    assert open_ports == [("127.0.0.1", emulator.port)]


def test_a_client_of_the_site_reaches_it(site: Site) -> None:
    site.client("s3").create_bucket(Bucket=site.bucket)
    buckets = site.client("s3").list_buckets()["Buckets"]
    assert site.bucket in [b["Name"] for b in buckets]


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LocalError, match=f"port {port} is taken"):
            LocalAws(tmp_path, port).start()


def test_what_it_said_before_it_died_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken" / "ministack.py"
    broken.parent.mkdir()
    broken.write_text("raise RuntimeError('half an installation')")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    with pytest.raises(LocalError, match=r"(?s)ended with 1 while starting.*half an installation"):
        LocalAws(tmp_path).start()


def test_a_missing_emulator_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LocalError, match=r"pip install 'tapeline\[local\]'"):
        LocalAws(tmp_path).start()


def test_stopping_ends_the_process_and_frees_the_port(tmp_path: Path) -> None:
    aws = LocalAws(tmp_path).start()
    pid, port = aws.pid, aws.port
    aws.stop()
    assert not psutil.pid_exists(pid)
    assert not emulator.listening(port)


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; from deploy.local.emulator import LocalAws\n"
        "print(LocalAws(sys.argv[1]).start().pid, flush=True); sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    orphan = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    psutil.wait_procs([orphan], timeout=30)
    assert not orphan.is_running()


def test_what_was_stored_is_there_after_a_stop_and_a_start(tmp_path: Path) -> None:
    with LocalAws(tmp_path, persist=True) as aws:
        client = _site(aws).client("kinesis")
        client.create_stream(StreamName="kept", ShardCount=1)
        client.put_record(StreamName="kept", Data=b"tick", PartitionKey="A")
        _site(aws).client("s3").create_bucket(Bucket="kept")
        _site(aws).client("s3").put_object(Bucket="kept", Key="a/b", Body=b"object")
    with LocalAws(tmp_path, persist=True) as aws:
        client = _site(aws).client("kinesis")
        shard = client.list_shards(StreamName="kept")["Shards"][0]["ShardId"]
        iterator = client.get_shard_iterator(
            StreamName="kept", ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        assert client.get_records(ShardIterator=iterator)["Records"][0]["Data"] == b"tick"
        stored = _site(aws).client("s3").get_object(Bucket="kept", Key="a/b")
        assert stored["Body"].read() == b"object"


def test_a_log_over_its_limit_is_moved_aside_once(tmp_path: Path) -> None:
    log = tmp_path / "aws.log"
    log.write_bytes(b"x" * 11)
    child.bound(log, limit=10)
    assert log.stat().st_size == 0
    assert (tmp_path / "aws.old.log").stat().st_size == 11


def test_a_log_within_its_limit_stays(tmp_path: Path) -> None:
    log = tmp_path / "aws.log"
    log.write_bytes(b"x" * 10)
    child.bound(log, limit=10)
    assert log.read_bytes() == b"x" * 10


def _site(aws: LocalAws) -> Site:
    return Site(Settings(endpoint_url=aws.endpoint_url))
