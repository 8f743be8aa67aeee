"""The worker's lock, with real processes: who holds it, and what a new start does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from kcl_app.jvm import MAIN_CLASS
from kcl_app.worker_lock import WorkerHeld, WorkerLock
from tests.daemon.processes import gone

ROOT = Path(__file__).resolve().parents[2]
JVM = "import time; print('runs', flush=True); time.sleep(60)"
LAUNCHER = f"""
import os, subprocess, sys
from pathlib import Path
from kcl_app.worker_lock import WorkerLock
folder, main, named = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "named"
lock = WorkerLock(folder / "worker.lock", folder / "worker.properties")
lock.take()
jvm = subprocess.Popen([sys.executable, "-c", {JVM!r}, main, str(folder / "worker.properties")],
    pass_fds=(lock.descriptor,), start_new_session=True, stdout=subprocess.PIPE)
jvm.stdout.readline()
if named:
    lock.name(jvm.pid)
print(jvm.pid, flush=True)
sys.stdin.read()
"""
"""A launcher with a program in the JVM's place: it is known by its command line."""

Launch = Callable[..., tuple[subprocess.Popen[bytes], int]]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Start a launcher that holds the lock: it, and the pid of its JVM."""
    pids: list[int] = []
    launchers: list[subprocess.Popen[bytes]] = []

    def start(main: str = MAIN_CLASS, named: str = "named") -> tuple[subprocess.Popen[bytes], int]:
        launcher = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(tmp_path), main, named],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert launcher.stdout
        launchers.append(launcher)
        pids.append(int(launcher.stdout.readline()))
        return launcher, pids[0]

    yield start
    for launcher in launchers:
        launcher.kill()
        launcher.communicate()
    for pid in pids:
        if psutil.pid_exists(pid):
            psutil.Process(pid).kill()


@pytest.fixture
def lock(tmp_path: Path) -> WorkerLock:
    return WorkerLock(tmp_path / "worker.lock", tmp_path / "worker.properties")


def kill(launcher: subprocess.Popen[bytes]) -> None:
    launcher.kill()
    launcher.wait()


def test_a_free_lock_is_taken_and_can_be_taken_again_after_its_release(lock: WorkerLock) -> None:
    assert lock.take() is None
    lock.release()
    assert lock.take() is None
    lock.release()


def test_a_second_worker_is_refused_by_the_first_ones_pid(launch: Launch, lock: WorkerLock) -> None:
    launcher, jvm = launch()
    with pytest.raises(WorkerHeld, match=rf"kill {launcher.pid}.*application\.instance=1"):
        lock.take()
    assert not gone(jvm)


def test_the_jvm_of_a_killed_launcher_is_ended_and_its_lock_taken(
    launch: Launch, lock: WorkerLock
) -> None:
    launcher, jvm = launch()
    kill(launcher)
    assert lock.take() == jvm
    assert gone(jvm)
    lock.release()


def test_an_orphan_is_found_though_its_launcher_died_before_naming_it(
    launch: Launch, lock: WorkerLock
) -> None:
    launcher, jvm = launch(named="unnamed")
    kill(launcher)
    assert lock.take() == jvm
    lock.release()


def test_a_holder_that_is_not_our_jvm_is_left_alone(launch: Launch, lock: WorkerLock) -> None:
    launcher, stranger = launch(main="com.example.Other")
    kill(launcher)
    with pytest.raises(WorkerHeld, match="not a launcher or JVM of ours"):
        lock.take(sleep=lambda seconds: None)
    assert not gone(stranger)


def test_a_holder_that_is_just_leaving_is_waited_for(launch: Launch, lock: WorkerLock) -> None:
    launcher, stranger = launch(main="com.example.Other")
    kill(launcher)
    holder = psutil.Process(stranger)

    def leave(seconds: float) -> None:
        holder.kill()
        holder.wait(timeout=30)

    assert lock.take(sleep=leave) is None
    lock.release()


def test_a_lock_file_of_nonsense_is_no_hindrance(tmp_path: Path, lock: WorkerLock) -> None:
    (tmp_path / "worker.lock").write_bytes(b"\xff" * 9000)
    assert lock.take() is None
    lock.release()
