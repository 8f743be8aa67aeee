"""The faults: each strikes the ground once and returns.

Recovery is measured from there; a fault whose effect comes later returns the monotonic
second from which it counts instead.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from kcl_app.jvm import kill_group
from tests.faults.ground import CALLBACK_TIMEOUT_S, Ground, until

FAULT_S = 6.0
"""How long a service is throttled or silent."""


def kill_child(ground: Ground) -> None:
    with suppress(ProcessLookupError):
        os.kill(ground.draw.choice(ground.children()), signal.SIGKILL)


def kill_jvm(ground: Ground) -> None:
    os.kill(ground.jvm(), signal.SIGKILL)


def kill_group_of_jvm(ground: Ground) -> None:
    kill_group(ground.jvm())


def kill_launcher(ground: Ground) -> None:
    """Its JVM goes on as an orphan until the next start ends it."""
    os.kill(ground.workers[0].pid, signal.SIGKILL)
    ground.workers.pop(0).wait()
    ground.start(0)


def kill_everything(ground: Ground) -> None:
    ground.kill_all(0)
    ground.start(0)


def term_jvm(ground: Ground) -> float:
    return _ended(ground.jvm(), os.kill)


def term_group(ground: Ground) -> float:
    """As systemd's default does; the children ignore it."""
    return _ended(ground.jvm(), os.killpg)


def _ended(jvm: int, send: Callable[[int, int], None]) -> float:
    """Asked to end, a JVM still works for a while."""
    process, asked = psutil.Process(jvm), time.monotonic()
    send(jvm, signal.SIGTERM)
    until(lambda: not process.is_running(), 60, f"JVM {jvm} to end")
    return asked


def stop_and_start(ground: Ground) -> None:
    ground.stop(0)
    ground.start(0)


def second_joins(ground: Ground) -> None:
    ground.join()


def second_is_killed(ground: Ground) -> None:
    ground.join()
    ground.kill_all(1)


def second_stops(ground: Ground) -> None:
    ground.join()
    ground.stop(1)


def zombie(ground: Ground) -> None:
    """The second worker is frozen until its shards have moved, and then wakes."""
    ground.join()
    frozen = _family(ground.jvm(1))
    _signal(frozen, signal.SIGSTOP)
    try:
        until(lambda: not ground.owned(1), 240, "the zombie's shards to move")
        ground.recover(120)
    finally:
        _signal(frozen, signal.SIGCONT)


def frozen_child(ground: Ground) -> None:
    """A shard's process sleeps for a while and then goes on, its lease still its own."""
    child = ground.draw.choice(ground.children())
    _signal([child], signal.SIGSTOP)
    try:
        time.sleep(FAULT_S)
    finally:
        _signal([child], signal.SIGCONT)


def hung_child(ground: Ground) -> None:
    """A shard's process sleeps for good: the JVM must end itself, and all begins anew."""
    jvm, child = psutil.Process(ground.jvm()), ground.draw.choice(ground.children())
    _signal([child], signal.SIGSTOP)
    until(lambda: not jvm.is_running(), 2 * CALLBACK_TIMEOUT_S, "the JVM of a hung child to end")


def s3_throttled(ground: Ground) -> None:
    _while(ground, s3=0.6)


def s3_refuses(ground: Ground) -> None:
    """Longer than the client's retries: the shards end, and begin anew."""
    _while(ground, s3=1.0)


def dynamodb_throttled(ground: Ground) -> None:
    _while(ground, dynamodb=0.5)


def connections_break(ground: Ground) -> None:
    ground.proxy.break_connections()


def network_stalls(ground: Ground) -> None:
    ground.proxy.stalled = True
    time.sleep(FAULT_S)
    ground.proxy.heal()


def _while(ground: Ground, **share: float) -> None:
    ground.proxy.share = share
    time.sleep(FAULT_S)
    ground.proxy.heal()


def _family(jvm: int) -> list[int]:
    return [jvm, *(child.pid for child in psutil.Process(jvm).children())]


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


KINDS: dict[Callable[[Ground], float | None], float] = {
    kill_child: 3,
    kill_jvm: 3,
    kill_group_of_jvm: 2,
    kill_launcher: 1,
    kill_everything: 2,
    term_jvm: 2,
    term_group: 2,
    stop_and_start: 2,
    frozen_child: 2,
    hung_child: 1,
    s3_throttled: 2,
    s3_refuses: 1,
    dynamodb_throttled: 2,
    connections_break: 2,
    network_stalls: 2,
    second_joins: 1,
    second_is_killed: 1,
    second_stops: 1,
    zombie: 1,
}
"""Weights: what takes two workers takes longest, and is drawn less often."""
