"""A small daemon: feeds a real child over its pipes and answers its checkpoints."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SHARD = "shardId-000000000000"
INITIALIZE = {
    "action": "initialize",
    "shardId": SHARD,
    "sequenceNumber": "TRIM_HORIZON",
    "subSequenceNumber": 0,
}
END = {"action": "shardEnded"}


class ChildFailed(Exception):
    """The child ended early, or with an error. The text has its last words."""


@dataclass(frozen=True)
class Cost:
    """Seconds of one child from its start to its end, and the most memory it had, in MB.

    ``memory`` is read before the shard ends; None where the system does not tell. (What
    wait4 reports would be the parent's, where that was larger when it started the child.)
    """

    cpu: float
    wall: float
    memory: float | None
    checkpoints: int


def run(command: Sequence[str], env: Mapping[str, str], lines: Path, log: Path) -> Cost:
    """Start ``command``, feed it the whole file and the end of the shard. Raises ChildFailed."""
    begun = time.perf_counter()
    with log.open("wb") as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=dict(env)
        )
    try:
        checkpoints, memory = _feed(child, lines)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    except BrokenPipeError:
        child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            child.wait()
    if child.returncode:
        words = log.read_text(errors="replace")[-2000:]
        raise ChildFailed(f"{' '.join(command)} ended with {child.returncode}:\n{words}")
    wall = time.perf_counter() - begun
    return Cost(used.ru_utime + used.ru_stime, wall, memory, checkpoints)


def _feed(child: subprocess.Popen[bytes], lines: Path) -> tuple[int, float | None]:
    assert child.stdin is not None
    assert child.stdout is not None
    checkpoints = _tell(child.stdin, child.stdout, _message(INITIALIZE))
    with lines.open("rb") as file:
        for line in file:
            checkpoints += _tell(child.stdin, child.stdout, line)
    memory = _peak(child.pid)
    checkpoints += _tell(child.stdin, child.stdout, _message(END))
    child.stdin.close()
    child.stdout.read()
    return checkpoints, memory


def _peak(pid: int) -> float | None:
    """The largest resident memory so far, in MB; Linux alone says it of a living process."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return int(found[1]) / 1024 if found else None


def _tell(to: IO[bytes], answers: IO[bytes], line: bytes) -> int:
    """Send one action and answer until it is done. The number of checkpoints asked for."""
    to.write(line)
    to.flush()
    checkpoints = 0
    for answer in answers:
        if not answer.strip():
            continue
        said = json.loads(answer)
        if said["action"] == "status":
            return checkpoints
        checkpoints += 1
        place = {name: said[name] for name in ("sequenceNumber", "subSequenceNumber")}
        to.write(_message({"action": "checkpoint", **place, "error": None}))
        to.flush()
    raise BrokenPipeError


def _message(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"
