"""The daemon's side of the talk, spoken to a real shard process over pipes."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from config.load import dump, load
from kcl_app.last_words import LastWords

ROOT = Path(__file__).resolve().parents[2]
SHARD = "shardId-000000000007"


def record(sequence: str, data: bytes, sub: int = 0, key: str = "AIG") -> dict[str, Any]:
    """A record as the daemon writes it."""
    return {
        "action": "record",
        "data": base64.b64encode(data).decode(),
        "partitionKey": key,
        "sequenceNumber": sequence,
        "subSequenceNumber": sub,
        "approximateArrivalTimestamp": 1_700_000_000_123,
    }


class FakeDaemon:
    """Starts ``python -m kcl_app.shard`` with a processor from ``tests.daemon``."""

    def __init__(self, folder: Path, processor: str, stderr: IO[bytes] | int | None = None) -> None:
        self.folder = folder
        settings = load(flags={"worker.processor": f"tests.daemon.{processor}"})
        (folder / "settings.json").write_bytes(dump(settings))
        self.heard: list[dict[str, Any]] = []
        self.child = subprocess.Popen(
            [sys.executable, "-m", "kcl_app.shard", str(folder / "settings.json")],
            env={**os.environ, "PYTHONPATH": str(ROOT), "LEDGER": str(folder / "ledger")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr or open(folder / "stderr", "wb"),  # noqa: SIM115
        )

    def say(self, message: Mapping[str, Any]) -> None:
        self.write(json.dumps(message).encode() + b"\n")

    def write(self, body: bytes) -> None:
        assert self.child.stdin
        self.child.stdin.write(body)
        self.child.stdin.flush()

    def hear(self) -> dict[str, Any] | None:
        """The child's next message; None when it has closed the talk. Junk fails the test."""
        assert self.child.stdout
        for line in self.child.stdout:
            if line.strip():
                self.heard.append(json.loads(line))
                return self.heard[-1]
        return None

    def ask(self, action: str, errors: Sequence[str | None] = (), **fields: Any) -> list[Any]:
        """Say ``action``, answer checkpoints with ``errors`` (then None) until the status.

        Returns the checkpoints asked for, as (sequence, sub-sequence).
        """
        self.say({"action": action, **fields})
        asked, answers = [], list(errors)
        while (heard := self.hear()) and heard["action"] == "checkpoint":
            asked.append((heard["sequenceNumber"], heard["subSequenceNumber"]))
            self.say({**heard, "error": answers.pop(0) if answers else None})
        assert heard == {"action": "status", "responseFor": action}, heard
        return asked

    def initialize(self) -> None:
        position: dict[str, Any] = {"sequenceNumber": "TRIM_HORIZON", "subSequenceNumber": 0}
        assert self.ask("initialize", shardId=SHARD, **position) == []

    def records(self, *records: dict[str, Any], errors: Sequence[str | None] = ()) -> list[Any]:
        return self.ask("processRecords", errors, records=records, millisBehindLatest=0)

    def close(self) -> int:
        """Close the talk as a daemon does, or a dead one; the child's exit code."""
        assert self.child.stdin
        self.child.stdin.close()
        return self.code()

    def kill(self) -> None:
        """End the child if it still runs, and let go of its pipes."""
        self.child.kill()
        self.code()
        for pipe in (self.child.stdin, self.child.stdout):
            with suppress(BrokenPipeError):
                assert pipe
                pipe.close()

    def code(self) -> int:
        return self.child.wait(timeout=60)

    @property
    def ledger(self) -> list[Any]:
        lines = (self.folder / "ledger").read_text().splitlines()
        return [json.loads(line) for line in lines]

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr").read_text()

    @property
    def last_words(self) -> list[str]:
        return LastWords(self.folder / "last_words").read()
