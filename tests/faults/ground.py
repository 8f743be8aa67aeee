"""What faults are played on: an emulator, a proxy before it, a producer, and workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Self

import psutil

from config.load import nested, restore
from config.site import Site
from deploy.local.emulator import HOST, LocalAws
from glue.plan import apply, plan
from glue.stack import resources
from kcl_app.core.position import Position
from kcl_app.gap import standing
from kcl_app.jvm import find, kill_group
from kcl_app.leadership import LEADER, coordinator_table
from kcl_app.life import read_life
from kcl_app.run_folder import worker_id
from kcl_app.wiring import lake_store
from kcl_app.worker import Worker
from tests.faults.producing import Producing
from tests.faults.proxy import Proxy
from tests.faults.waiting import Stuck, until

SHARDS = 3
WORKERS = 3
"""As many as there are shards, so that each may have one."""
CALLBACK_TIMEOUT_S = 30


class Ground:
    """Everything a fault can strike. A context: at its end nothing is left running."""

    own: ClassVar[dict[str, Any]] = {"stream.shards": SHARDS, "worker.max_shards": SHARDS}
    """Settings of this kind of ground, dotted."""

    def __init__(self, folder: Path, draw: Random) -> None:
        self.folder = folder
        self.draw = draw
        self.workers: dict[int, Worker] = {}
        self._ends: dict[str, Position | None] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.site = self._site(self._emulated(stack))
            for _ in apply(list(plan(resources(self.site)))):
                pass
            stack.callback(self._end_all)
            self.start(0)
            self.producing = Producing(self.site)
            stack.callback(self.producing.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @cached_property
    def kinesis(self) -> Any:
        """A client, past the proxy."""
        return self.site.client("kinesis")

    def _emulated(self, stack: ExitStack) -> str:
        """Start what stands for AWS, and the proxy before it; the address past the proxy."""
        aws = stack.enter_context(LocalAws(self.folder / "aws"))
        self.proxy = stack.enter_context(Proxy(HOST, aws.port, Random(self.draw.random())))
        return aws.endpoint_url

    # --- workers -------------------------------------------------------------------

    def start(self, instance: int) -> Worker:
        """Start, or start again, the worker of that number."""
        site = self._site(self.proxy.url, instance)
        stderr = (self.folder / f"worker-{instance}.log").open("ab")
        with stderr:
            worker = Worker(site.settings, seed_leases=instance == 0, stderr=stderr)
            worker.start()
        self.workers[instance] = worker
        return worker

    def join(self) -> int:
        """Start one more worker, where there is room for one, and wait until it has a shard.

        Its number; that of the last one where all run.
        """
        absent = [instance for instance in range(WORKERS) if instance not in self.workers]
        if not absent:
            return max(self.workers)
        self.start(absent[0])
        until(lambda: self.owned(absent[0]), 240, f"worker {absent[0]} to get a shard")
        return absent[0]

    def company(self) -> None:
        """Make sure that two workers run, and each has a shard."""
        while len(self.workers) < 2:
            self.join()
        until(lambda: all(map(self.owned, self.workers)), 240, "every worker to get a shard")

    def owned(self, instance: int) -> list[str]:
        """The shards whose lease the worker has."""
        table = self.site.settings.application.name
        items = self.site.client("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
        mine = self._name(instance)
        return [i["leaseKey"]["S"] for i in items if i.get("leaseOwner", {}).get("S") == mine]

    def busy(self) -> int:
        """A drawn worker that has a shard."""
        found = until(
            lambda: [i for i in sorted(self.workers) if self.owned(i)], 240, "a worker with a shard"
        )
        return self.draw.choice(found)

    def settled(self) -> bool:
        """Whether the archive of the JVM's classes stands, as on any host after a minute."""
        return any((self.folder / "workers").glob("*.jsa"))

    def leader(self) -> int | None:
        """The worker that is the KCL's leader; None while nobody is."""
        table = coordinator_table(self.site.settings.application.name)
        item = self.site.client("dynamodb").get_item(
            TableName=table, Key=LEADER, ConsistentRead=True
        )
        owner = item.get("Item", {}).get("ownerName", {}).get("S")
        return next((i for i in self.workers if self._name(i) == owner), None)

    def follower(self) -> int:
        """A drawn worker with a shard that isn't the leader."""
        self.company()
        until(lambda: self.leader() is not None, 240, "a leader")
        others = [i for i in sorted(self.workers) if i != self.leader() and self.owned(i)]
        return self.draw.choice(others) if others else self.follower()

    def _name(self, instance: int) -> str:
        return worker_id(self._site(self.proxy.url, instance).settings)

    def jvm(self, instance: int) -> int:
        """The worker's JVM; waited for where it is being started again."""
        worker = self.workers[instance]
        found = until(lambda: find(worker.folder.properties), 60, f"a JVM of worker {instance}")
        assert found is not None
        return found

    def children(self, instance: int) -> list[int]:
        """The worker's shard processes; at least one."""

        def running() -> list[int]:
            with suppress(psutil.Error):
                return [p.pid for p in psutil.Process(self.jvm(instance)).children()]
            return []

        return until(running, 240, f"a shard of worker {instance}")

    def kill_all(self, instance: int) -> None:
        """Launcher, JVM and children at once: a host that is gone."""
        worker = self.workers.pop(instance)
        jvm = find(worker.folder.properties)
        os.kill(worker.pid, signal.SIGKILL)
        if jvm is not None:
            kill_group(jvm)
        worker.wait()

    def stop(self, instance: int) -> None:
        """Gracefully."""
        if code := self.workers.pop(instance).stop(90):
            raise Stuck(f"worker {instance} was asked to stop and ended with {code}")

    # --- what came of it -----------------------------------------------------------

    def open_shards(self) -> list[str]:
        """The shards that take records now."""
        return [shard["ShardId"] for shard in self.described()]

    def described(self) -> list[Any]:
        """The same, as ListShards has them."""
        answer = self.kinesis.list_shards(
            StreamName=self.site.settings.stream.name, ShardFilter={"Type": "AT_LATEST"}
        )
        return list(answer["Shards"])

    def stored(self, tips: dict[str, int]) -> bool:
        """Whether the chains have passed ``tips``."""
        store = lake_store(self.site)
        life = read_life(store)
        if life is None:
            return False
        for shard in tips:
            for cut in standing(store, life.id, shard, self._ends.get(shard)):
                self._ends[shard] = cut.ends_at
        return all((end := self._ends.get(s)) and end.order[0] >= tip for s, tip in tips.items())

    def recover(self, within_s: float) -> float:
        """Seconds until records put from now on are stored, in every shard. Raises Stuck."""
        began = time.monotonic()
        shards = self.open_shards()
        self.producing.newer(shards)  # these may have been on their way when the fault struck
        tips = self.producing.newer(shards)
        until(lambda: self.stored(tips), within_s, f"{tips} to be stored; it is {self._ends}")
        return time.monotonic() - began

    def differences(self) -> list[str]:
        """Tables of the lake that are not as an unbroken run leaves them, where that is asked."""
        return []

    def _site(self, endpoint: str, instance: int = 0) -> Site:
        own = {
            "endpoint_url": endpoint,
            "application.run_dir": str(self.folder / "workers"),
            "application.instance": instance,
            "cut.seconds": 1,
            "cut.idle_seconds": 1,
            "worker.checkpoint_seconds": 3,
            "worker.fast_failures": 1_000,
            # Else each fault would pay for those before it with a longer pause.
            "worker.good_run_seconds": 5,
            "worker.callback_timeout_s": CALLBACK_TIMEOUT_S,
            "sinks": [{"use": "parquet"}],
            **self.own,
        }
        return Site(restore(json.dumps(nested(own)).encode()))

    def _end_all(self) -> None:
        self.proxy.heal()
        for worker in self.workers.values():
            with suppress(subprocess.TimeoutExpired):
                worker.stop(60)
            if (orphan := find(worker.folder.properties)) is not None:
                kill_group(orphan)
