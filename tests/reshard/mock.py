"""kinesis-mock as a child process: a Kinesis that reshards as AWS does, on a loopback port.

A parent shard keeps its records and is read to its end, its children begin empty and name
their parents. It has Kinesis only, and becomes slow where a shard holds some 10,000 records.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import time
from pathlib import Path
from types import TracebackType

from deploy.local.emulator import HOST, free_port, owns
from tests.reshard.install import HERE, NODE, installed

START_S = 60.0
STOP_S = 10.0


class MockError(Exception):
    """kinesis-mock did not start. The text says what it said."""


class KinesisMock:
    """A context: it lives as long as that, and never longer than this process."""

    def __init__(self, folder: Path) -> None:
        self.port = 0
        self._log = folder / "kinesis.log"

    @property
    def endpoint_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> KinesisMock:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self.port, tls = free_port(), free_port()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(NODE), "--require", str(HERE / "confined.cjs"), "main.js"],
                cwd=installed(),  # its certificate is read from there
                env=self._environment(tls),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _environment(self, tls: int) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", ""),
            "KINESIS_MOCK_PLAIN_PORT": str(self.port),
            "KINESIS_MOCK_TLS_PORT": str(tls),
            "LOG_LEVEL": "ERROR",
            "SHOULD_PERSIST_DATA": "false",
            "SPLIT_SHARD_DURATION": "200ms",
            "MERGE_SHARDS_DURATION": "200ms",
        }

    def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        while not (owns(self._process.pid, self.port) and answers(self.port)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise MockError(
                    f"kinesis-mock ended with {self._process.wait(0.1)}: {self._said()}"
                )
            if time.monotonic() > deadline:
                raise MockError(f"kinesis-mock did not answer in {START_S:g} s: {self._said()}")

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-2_000:]

    def _end(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def answers(port: int) -> bool:
    """True where something on ``port`` speaks HTTP, whatever it says."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/healthcheck")
        return bool(connection.getresponse().status)
    except OSError:
        return False
    finally:
        connection.close()
