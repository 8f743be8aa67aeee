"""AWS on this machine: ministack as a child process, on one loopback port.

Everything it writes stands below one folder: ``aws.log``, ``tmp/`` and, where it
persists, ``state/`` (all services, written when it stops) and ``s3/`` (objects,
written at once).
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import psutil

from deploy.local import child

HOST = "127.0.0.1"
HEALTH = "/_ministack/health"
ATTEMPTS = 3
KEPT = ("state", "s3")
TAIL_LINES = 20
STOP_S = child.GRACE_S + 5


class LocalError(Exception):
    """Local AWS cannot start or stop. The text says why and what to do."""


class LocalAws:
    """An emulated AWS that lives as long as this object, or this process, does.

    ``port`` 0 takes a free one. ``persist`` keeps streams, tables and objects in
    ``folder`` for the next start from the same folder. It writes them when it is
    stopped: after a crash only objects are left, which alone would contradict the
    streams, so they are set aside in ``lost/`` and ``lost`` says so.
    ``leashed=False`` lets it outlive this process.
    """

    def __init__(
        self,
        folder: Path | str,
        port: int = 0,
        *,
        persist: bool = False,
        leashed: bool = True,
        wait_s: float = 60,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.port = port
        self.persist = persist
        self.leashed = leashed
        self.wait_s = wait_s
        self.lost: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "aws.log"

    @property
    def pid(self) -> int:
        if self.process is None:
            raise LocalError("local AWS is not started: call start() first")
        return self.process.pid

    def start(self) -> LocalAws:
        """Start it and return when it answers. Raises LocalError."""
        if self.process is not None:
            raise LocalError(f"this local AWS is already started, at {self.endpoint_url}")
        if importlib.util.find_spec("ministack") is None:
            raise LocalError("ministack is not installed: pip install 'tapeline[local]'")
        if self.persist:
            self._set_aside_what_a_crash_left()
        if self.port:
            self._refuse_taken_port()
            self._start_once()
            return self
        for attempt in range(1, ATTEMPTS + 1):
            self.port = free_port()
            try:
                self._start_once()
                return self
            except LocalError:
                if attempt == ATTEMPTS or not listening(self.port):
                    raise
        raise AssertionError("unreachable")

    def stop(self) -> None:
        """End it, and return when it is gone. Saves its state where it persists."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdin:
            process.stdin.close()

    def __enter__(self) -> LocalAws:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def tail(self) -> str:
        """The last lines of the log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])

    def _refuse_taken_port(self) -> None:
        if listening(self.port):
            raise LocalError(
                f"port {self.port} is taken by another process: stop that, or choose another "
                "port (without one, a free port is found)"
            )

    def _set_aside_what_a_crash_left(self) -> None:
        kept = [self.folder / name for name in KEPT if (self.folder / name).exists()]
        if not kept or (self.folder / child.SAVED).exists():
            return
        self.lost = self.folder / "lost"
        shutil.rmtree(self.lost, ignore_errors=True)
        self.lost.mkdir()
        for part in kept:
            part.rename(self.lost / part.name)

    def _start_once(self) -> None:
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        (self.folder / child.SAVED).unlink(missing_ok=True)
        command = [sys.executable, "-P", child.__file__, str(self.log)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "leashed" if self.leashed else "free"],
                stdin=subprocess.PIPE if self.leashed else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                cwd=self.folder,
                start_new_session=True,  # a Ctrl-C is for us: we stop it last
            )
        try:
            self._wait(self.process)
        except BaseException:
            self.stop()
            raise

    def _environment(self) -> dict[str, str]:
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MINISTACK_"))}
        return ours | {
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "LOG_LEVEL": "WARNING",
            "USE_SSL": "0",
            "DOCKER_HOST": f"unix://{self.folder}/no-docker",  # it would remove containers
            "TMPDIR": str(self.folder / "tmp"),
            "PERSIST_STATE": "1" if self.persist else "0",
            "S3_PERSIST": "1" if self.persist else "0",
            "STATE_DIR": str(self.folder / "state"),
            "S3_DATA_DIR": str(self.folder / "s3"),
        }

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.wait_s
        while not (owns(process.pid, self.port) and healthy(self.port)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = process.wait(0.05)
                raise LocalError(
                    f"local AWS ended with {code} while starting; the end of {self.log}:\n"
                    f"{self.tail()}"
                )
            if time.monotonic() > deadline:
                raise LocalError(
                    f"local AWS did not answer at {self.endpoint_url} within {self.wait_s:g} s; "
                    f"the end of {self.log}:\n{self.tail()}"
                )


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def listening(port: int) -> bool:
    """True where something accepts connections on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((HOST, port)) == 0


def owns(pid: int, port: int) -> bool:
    """True where process ``pid`` listens on ``port``: an answer could be somebody else's."""
    try:
        sockets = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    return any(s.status == psutil.CONN_LISTEN and s.laddr.port == port for s in sockets)


def healthy(port: int) -> bool:
    """True where the emulator on ``port`` says that it is well. Never through a proxy."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", HEALTH)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
