"""The worker: the real MultiLangDaemon under a supervisor.

``Launcher(settings).run()`` is the whole life of ``tapeline worker``. Whoever wants that
as a process of its own, such as the demo, starts a ``kcl_app.worker.Worker``.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time
from collections import deque
from types import FrameType
from typing import IO

from botocore.exceptions import BotoCoreError, ClientError

from config.settings import Settings, Worker
from config.site import Site
from kcl_app import java, jvm
from kcl_app.class_archive import AFTER_S
from kcl_app.handover import hand_over
from kcl_app.last_words import LastWords
from kcl_app.leadership import give_back
from kcl_app.lease_seed import SeedRefused, seed_leases
from kcl_app.life import LifeError
from kcl_app.preflight import open_lake
from kcl_app.properties import write_files
from kcl_app.run_folder import RunFolder
from kcl_app.stopped import Stopped
from kcl_app.stream import StreamMissing, require_stream
from kcl_app.supervise import Backoff, GaveUp, Supervisor
from kcl_app.worker_lock import WorkerHeld, WorkerLock

log = logging.getLogger("tapeline.worker")
said = logging.getLogger("tapeline.daemon")
"""What the JVM and the children say, line by line."""

OURS = Worker.model_fields["processor"].default
"""Any other processor has no lake of ours."""
TAIL_LINES = 40
LONGEST_LINE = 2_000
JAVA_FRAME = "\t"
"""How the lines of a Java stack trace begin; they are in the daemon's own log."""
DOOMED = "MultiLangShardRecordProcessor Encountered an error"
"""What the daemon says when a child is gone, and then waits the whole shutdown grace
before it ends: 21 s until records flow again, against 5 when it is ended here."""
BEYOND_GRACE_S = 10.0
"""What the JVM may take to exit after the shards' own grace."""

MEANINGS = {
    -signal.SIGKILL: "the JVM was killed (by the kernel for memory, by hand, or by a shard's end)",
    3: "the JVM ran out of memory; lower worker.max_records or raise worker.max_shards",
}


FAILURES = (
    java.DaemonMissing,
    StreamMissing,
    LifeError,
    Stopped,
    SeedRefused,
    WorkerHeld,
    GaveUp,
)
"""What ``Launcher.run`` raises, each with a sentence for the operator."""


class Launcher:
    """One worker in this process."""

    def __init__(self, settings: Settings) -> None:
        self.folder = RunFolder.of(settings)
        self._settings = settings
        self._words = LastWords(self.folder.words)
        self._lock = WorkerLock(self.folder.lock, self.folder.properties)
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        worker = settings.worker
        self._supervisor = Supervisor(
            start=self._start,
            reason=self._reason,
            backoff=Backoff(good_run_s=worker.good_run_seconds, limit=worker.fast_failures),
            grace_s=worker.shutdown_grace_ms / 1000 + BEYOND_GRACE_S,
            done=jvm.childless,
        )

    def run(self, seed: bool = False) -> None:
        """Until stopped; ``seed`` writes the first leases. Raises one of FAILURES."""
        self.folder.make()
        if (orphan := self._lock.take()) is not None:
            log.warning("ended JVM %d, which a killed launcher had left", orphan)
        try:
            self._prepare(seed)
            try:
                self._supervisor.run()
                self._hand_over()
            finally:
                self._archive.cancel()
                self._give_back()
        finally:
            self._lock.release()

    def _prepare(self, seed: bool) -> None:
        site = Site(self._settings)
        require_stream(site)
        if self._settings.worker.processor == OURS:
            open_lake(site)
        if seed:
            log.info("wrote %d first leases", seed_leases(site))
        self._archive = java.archive(self.folder)
        write_files(self._settings, self.folder)

    def stop(self) -> None:
        """Ask to stop gracefully; a second time, kill. Safe in a signal handler."""
        self._supervisor.stop()

    def stop_on_signals(self) -> None:
        """SIGTERM and SIGINT stop this worker. Only in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._signalled)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.stop()

    def _start(self) -> subprocess.Popen[bytes]:
        """Start the JVM in a session of its own: a Ctrl-C here must not reach the children."""
        self._words.clear()
        self._tail.clear()
        self._give_back()
        daemon = subprocess.Popen(
            java.command(self._settings, self.folder, self._archive.flags()),
            cwd=self.folder.root,
            env=java.environment(self._settings, os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(self._lock.descriptor,),
        )
        self._lock.name(daemon.pid)
        assert daemon.stdout
        self._reader = threading.Thread(target=self._read, args=(daemon.stdout,), daemon=True)
        self._reader.start()
        archiving = threading.Timer(AFTER_S, self._keep_classes, args=(daemon,))
        archiving.daemon = True
        archiving.start()
        log.info("daemon %d started; its log is %s", daemon.pid, self.folder.logs)
        return daemon

    def _give_back(self) -> None:
        """No JVM of this name lives: one that led, leads no more."""
        if give_back(Site(self._settings)):
            log.info("gave back the leader lock of the JVM before")

    def _hand_over(self) -> None:
        """Stopped as asked: the workers that go on need not wait for the leases to run out."""
        try:
            for shard, worker in hand_over(Site(self._settings), time.time).items():
                log.info("handed %s to %s", shard, worker)
        except (BotoCoreError, ClientError) as why:
            log.warning("no lease was handed over, they will run out: %s", why)

    def _keep_classes(self, daemon: subprocess.Popen[bytes]) -> None:
        """Once a daemon has run well, prepare its classes for the next one."""
        if daemon.returncode is None:
            self._archive.make()

    def _read(self, output: IO[bytes]) -> None:
        with output:
            while line := output.readline(LONGEST_LINE):
                text = line.decode("utf-8", "replace").rstrip()
                if not text.startswith(JAVA_FRAME):
                    self._tail.append(text)
                    said.info("%s", text)
                if DOOMED in text:
                    self._supervisor.give_up_on_this_run()

    def _reason(self, code: int) -> str:
        """The children's last words, else the JVM's; and where there is more."""
        self._reader.join(timeout=2)
        spoken = self._words.read()
        meaning = MEANINGS.get(code, f"the JVM ended with code {code}")
        last = "; ".join(spoken) or " | ".join([meaning, *list(self._tail)[-5:]])
        return f"{last} (logs: {self.folder.logs})"
