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
from tests.faults.ground import CALLBACK_TIMEOUT_S, Ground
from tests.faults.waiting import until

FAULT_S = 6.0
"""How long a service is throttled or silent."""


# --- one worker, on a host that stays ----------------------------------------------


def kill_child(ground: Ground) -> None:
    with suppress(ProcessLookupError):
        os.kill(ground.draw.choice(ground.children(ground.busy())), signal.SIGKILL)


def kill_jvm(ground: Ground) -> None:
    os.kill(ground.jvm(ground.busy()), signal.SIGKILL)


def kill_group_of_jvm(ground: Ground) -> None:
    kill_group(ground.jvm(ground.busy()))


def kill_launcher(ground: Ground) -> None:
    """Its JVM goes on as an orphan until the next start ends it."""
    instance = ground.busy()
    launcher = ground.workers.pop(instance)
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait()
    ground.start(instance)


def kill_everything(ground: Ground) -> None:
    instance = ground.busy()
    ground.kill_all(instance)
    ground.start(instance)


def stop_and_start(ground: Ground) -> None:
    instance = ground.busy()
    ground.stop(instance)
    ground.start(instance)


def term_jvm(ground: Ground) -> float:
    return _ended(ground.jvm(ground.busy()), os.kill)


def term_group(ground: Ground) -> float:
    """As systemd's default does; the children ignore it."""
    return _ended(ground.jvm(ground.busy()), os.killpg)


def _ended(jvm: int, send: Callable[[int, int], None]) -> float:
    """Asked to end, a JVM still works for a while."""
    process, asked = psutil.Process(jvm), time.monotonic()
    send(jvm, signal.SIGTERM)
    until(lambda: not process.is_running(), 60, f"JVM {jvm} to end")
    return asked


def frozen_child(ground: Ground) -> None:
    """A shard's process sleeps for a while and then goes on, its lease still its own."""
    child = ground.draw.choice(ground.children(ground.busy()))
    _signal([child], signal.SIGSTOP)
    try:
        time.sleep(FAULT_S)
    finally:
        _signal([child], signal.SIGCONT)


def hung_child(ground: Ground) -> None:
    """A shard's process sleeps for good: the JVM must end itself, and all begins anew."""
    instance = ground.busy()
    jvm, child = psutil.Process(ground.jvm(instance)), ground.draw.choice(ground.children(instance))
    _signal([child], signal.SIGSTOP)
    until(lambda: not jvm.is_running(), 2 * CALLBACK_TIMEOUT_S, "the JVM of a hung child to end")


# --- several workers ---------------------------------------------------------------


def one_joins(ground: Ground) -> float:
    ground.join()
    return time.monotonic()


def one_stops(ground: Ground) -> float:
    """Gracefully; it counts from when it was asked to."""
    ground.company()
    instance, asked = ground.busy(), time.monotonic()
    ground.stop(instance)
    return asked


def host_dies(ground: Ground) -> None:
    """For good: others take its shards. Not the leader's."""
    ground.kill_all(ground.follower())


def leader_dies(ground: Ground) -> None:
    """Its lock must run out first: two minutes."""
    ground.company()
    until(lambda: ground.leader() is not None, 240, "a leader")
    leader = ground.leader()
    assert leader is not None
    ground.kill_all(leader)


def zombie(ground: Ground) -> float:
    """A worker is frozen until its shards have moved, and then wakes."""
    return _sleeps(ground, ground.follower())


def _sleeps(ground: Ground, instance: int) -> float:
    frozen = _family(ground.jvm(instance))
    _signal(frozen, signal.SIGSTOP)
    try:
        until(lambda: not ground.owned(instance), 240, "the zombie's shards to move")
        ground.recover(120)
    finally:
        _signal(frozen, signal.SIGCONT)
    return time.monotonic()


# --- what the workers need ---------------------------------------------------------


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


Kind = Callable[[Ground], float | None]

KINDS: dict[Kind, float] = {
    kill_child: 3,
    kill_jvm: 3,
    kill_group_of_jvm: 2,
    kill_launcher: 2,
    kill_everything: 2,
    stop_and_start: 2,
    term_jvm: 2,
    term_group: 2,
    frozen_child: 2,
    hung_child: 0.5,
    one_joins: 2,
    one_stops: 2,
    host_dies: 2,
    leader_dies: 0.5,
    zombie: 1,
    s3_throttled: 2,
    s3_refuses: 1,
    dynamodb_throttled: 2,
    connections_break: 2,
    network_stalls: 2,
}
"""Weights: what takes longest is drawn less often."""

AT_MOST: dict[Kind, int] = {leader_dies: 5}
"""Times in a run: each takes two minutes, by the KCL's constant."""
