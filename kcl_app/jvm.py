"""Telling our JVM from every other process, and ending it with all it started."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil

MAIN_CLASS = "software.amazon.kinesis.multilang.MultiLangDaemon"


def is_ours(pid: int, properties: Path) -> bool:
    """Whether ``pid`` is a MultiLangDaemon that runs on just this properties file."""
    try:
        words = psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
    return MAIN_CLASS in words and str(properties) in words


def find(properties: Path) -> int | None:
    """The pid of the MultiLangDaemon on this properties file, if this user has one."""
    pids = (process.pid for process in psutil.process_iter())
    return next((pid for pid in pids if is_ours(pid, properties)), None)


def childless(pid: int) -> bool:
    """Whether no child of ``pid`` runs: every shard's process has left."""
    try:
        children = psutil.Process(pid).children()
        return all(child.status() == psutil.STATUS_ZOMBIE for child in children)
    except psutil.NoSuchProcess:
        return True


def parent_of_this(properties: Path) -> int | None:
    """The JVM that started this process; None where something else did."""
    parent = os.getppid()
    return parent if is_ours(parent, properties) else None


def take_along(jvm: int | None) -> None:
    """Kill the JVM that started this process.

    A daemon that finds one child dead waits the whole shutdown grace before it ends
    (21 s against 5); killed, its supervisor begins anew at once. As long as it is our
    parent its pid cannot belong to another process.
    """
    if jvm is not None and os.getppid() == jvm:
        os.kill(jvm, signal.SIGKILL)


def kill_group(leader: int) -> None:
    """Kill a JVM's whole group: itself and the shards' processes, orphaned or not.

    Called before the JVM is waited for, or while it lives, so that the group is its own.
    """
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody left (macOS says "not permitted" of a group of the dead)
