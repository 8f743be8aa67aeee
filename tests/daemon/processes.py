"""Looking at processes that are not ours to wait for."""

from __future__ import annotations

import psutil


def gone(pid: int) -> bool:
    """Whether the process has ended; its parent may not have waited for it yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def ends(pid: int, within_s: float = 30) -> bool:
    """Whether the process, killed already, ends; a kill takes a moment to be carried out."""
    try:
        process = psutil.Process(pid)
        process.wait(within_s)
        return True
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return gone(pid)
