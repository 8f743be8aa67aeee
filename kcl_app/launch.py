"""The worker's process: ``python -m kcl_app.launch SETTINGS_JSON [--leash] [--seed-leases]``.

With ``--leash`` it stops when its stdin ends, that is, when its parent is gone. Where
it gives up, the last thing it does is to say why on stdout.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from config.load import restore
from config.settings import Settings
from kcl_app.daemon import FAILURES, Launcher
from kcl_app.logs import log_to
from kcl_app.stopped import Stopped

log = logging.getLogger("tapeline.worker")


def launch(settings: Settings, seed_leases: bool = False, leash: bool = False) -> str | None:
    """Run a worker in this process until it is stopped; only in the main thread.

    Returns None when it was stopped as asked, else the sentence that says why it ended
    and what to do.
    """
    launcher = Launcher(settings)
    try:
        launcher.folder.make()
    except Stopped as why:
        return str(why)
    log_to(launcher.folder.logs / "worker.log", spoken="%(message)s", stderr_from=logging.INFO)
    launcher.stop_on_signals()
    if leash:
        threading.Thread(target=_follow, args=(launcher,), daemon=True).start()
    try:
        launcher.run(seed_leases)
    except FAILURES as why:
        return str(why)
    return None


def _follow(launcher: Launcher) -> None:
    while os.read(0, 4096):  # not sys.stdin: its lock would abort the interpreter's exit
        pass
    launcher.stop()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="kcl_app.launch")
    parser.add_argument("settings", type=Path)
    parser.add_argument("--leash", action="store_true")
    parser.add_argument("--seed-leases", action="store_true")
    given = parser.parse_args(arguments)
    why = launch(restore(given.settings.read_bytes()), given.seed_leases, given.leash)
    if why:
        log.error("%s", why)
        sys.stdout.write(f"{why}\n")
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
