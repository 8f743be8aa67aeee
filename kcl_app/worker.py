"""A worker as a child process, for those who start one and watch it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import kcl_app
from config.load import dump
from config.settings import Settings
from kcl_app.last_words import LastWords
from kcl_app.run_folder import RunFolder


class Worker:
    """``tapeline worker`` with these very settings, in a process and session of its own.

    It lives no longer than this process: its stdin is a leash, and at its end the
    worker stops as if asked to.
    """

    def __init__(
        self,
        settings: Settings,
        seed_leases: bool = False,
        environment: Mapping[str, str] | None = None,
        stderr: IO[bytes] | int | None = None,
    ) -> None:
        """``environment`` is added to this process's; ``stderr`` as for subprocess.Popen."""
        self.folder = RunFolder.of(settings)
        self._settings = settings
        self._seed = ["--seed-leases"] if seed_leases else []
        self._environment = dict(environment or {})
        self._stderr = stderr
        self._process: subprocess.Popen[bytes] | None = None
        self._reason = ""

    def start(self) -> None:
        """Start it; returns at once, long before the first record."""
        self.folder.make()
        given = self.folder.root / "given.json"
        self.folder.write(given, dump(self._settings).decode())
        root = Path(kcl_app.__file__).resolve().parents[1]
        path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "kcl_app.launch", str(given), "--leash", *self._seed],
            env={**os.environ, "PYTHONPATH": path, **self._environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The launcher's; the JVM's is another."""
        return self._started.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def code(self) -> int | None:
        """0 stopped as asked, 1 gave up (see ``last_words``), None while it runs."""
        return self._started.poll()

    @property
    def last_words(self) -> str:
        """Why it gave up, or what its shards said last; empty where all is well."""
        output = self._started.stdout
        if not self._reason and not self.is_alive and output:
            self._reason = output.read().decode("utf-8", "replace").strip()
        return self._reason or "; ".join(LastWords(self.folder.words).read())

    def terminate(self) -> None:
        """Ask it to stop gracefully; a second time, to kill."""
        if self.is_alive:
            self._started.terminate()

    def wait(self, timeout: float | None = None) -> int:
        """Its code. Raises subprocess.TimeoutExpired."""
        return self._started.wait(timeout)

    def stop(self, timeout: float = 40) -> int:
        """Stop it and wait; killed with all it started if it takes longer."""
        self.terminate()
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.terminate()
            return self.wait(timeout)

    @property
    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise RuntimeError("the worker was not started: call start() first")
        return self._process
