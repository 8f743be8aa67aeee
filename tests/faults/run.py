"""Plays drawn faults on the real daemon, and proves the lake when all is over."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median

from kcl_app.wiring import lake_store
from tests.faults.ground import Ground
from tests.faults.kinds import AT_MOST, KINDS, Kind
from tests.faults.resharding import RESHARDS, ReshardGround
from tests.faults.waiting import Stuck, until
from tests.reshard.install import installed
from verify import Report, report

PATIENCE_S = 240.0
"""A lost leader's lock lives 2 minutes, by the KCL's constant; nothing else comes near."""


WEIGHTS: dict[Kind, float] = {**KINDS, **RESHARDS}


@dataclass
class Result:
    faults: int = 0
    stuck: int = 0
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    """One of each ground."""
    different: list[str] = field(default_factory=list)
    """Tables that are not as an unbroken run leaves them."""

    @property
    def ok(self) -> bool:
        proven = bool(self.reports) and all(proof.ok for proof in self.reports)
        return proven and not self.stuck and not self.different

    @property
    def worst_s(self) -> float:
        return max((s for kind in self.recoveries.values() for s in kind), default=0.0)

    def by_kind(self) -> Iterator[str]:
        """A line a kind, the slowest first."""
        for name, took in sorted(self.recoveries.items(), key=lambda kind: -max(kind[1])):
            usual, worst = f"{median(took):5.1f} s", f"{max(took):5.1f} s"
            yield f"{name:20} {len(took):3} times, recovered in {usual}, at worst {worst}"

    @property
    def line(self) -> str:
        lost = sum(proof.missing or 0 for proof in self.reports)
        repeated = sum(proof.overlaps + (proof.repeated or 0) for proof in self.reports)
        return (
            f"faults={self.faults} lost={lost} repeated={repeated} stuck={self.stuck} "
            f"worst_recovery_s={self.worst_s:.1f}"
        )


def drawn(seed: int, runs: int, only: Sequence[str] = ()) -> list[Kind]:
    """The faults of a seed. Each kind comes once before weights decide alone."""
    draw = Random(seed)
    kinds = [kind for kind in WEIGHTS if not only or kind.__name__ in only]
    chosen = draw.sample(kinds, len(kinds))[:runs]
    while len(chosen) < runs:
        (kind,) = draw.choices(kinds, [WEIGHTS[kind] for kind in kinds])
        if chosen.count(kind) < AT_MOST.get(kind, runs):
            chosen.append(kind)
    draw.shuffle(chosen)
    return chosen


def play(seed: int, faults: Sequence[Kind], say: Callable[[str], None]) -> Result:
    """Strike one fault after the other; those that reshard at last, on their own ground.

    Raises NotInstalled, before the first, where what that needs cannot be had.
    """
    if any(fault in RESHARDS for fault in faults):
        installed()
    result = Result()
    for ground in (Ground, ReshardGround):
        mine = [fault for fault in faults if (fault in RESHARDS) == (ground is ReshardGround)]
        if mine:
            _play_on(ground, seed, mine, result, say)
    for line in result.by_kind():
        say(line)
    return result


def _play_on(
    kind: type[Ground],
    seed: int,
    faults: Sequence[Kind],
    result: Result,
    say: Callable[[str], None],
) -> None:
    """The folder stays where the result is not ok."""
    folder = Path(tempfile.mkdtemp(prefix="tapeline-faults-"))
    with kind(folder, Random(seed)) as ground:
        say(f"first records after {ground.recover(PATIENCE_S):.1f} s")
        until(ground.settled, PATIENCE_S, "the archive of the JVM's classes")
        for fault in faults:
            _strike(fault, ground, result, say)
        ground.producing.stop()
        result.reports.append(_proven(ground, result, say))
    if result.ok:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        say(f"logs: {folder}")


def _strike(fault: Kind, ground: Ground, result: Result, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    result.faults += 1
    number = result.faults
    try:
        struck = fault(ground) or time.monotonic()
        ground.recover(PATIENCE_S)
        recovered = time.monotonic() - struck
    except Stuck as why:
        ground.proxy.heal()
        result.stuck += 1
        say(f"{number:3} {fault.__name__:20} STUCK: {why}")
        return
    result.recoveries.setdefault(fault.__name__, []).append(recovered)
    say(f"{number:3} {fault.__name__:20} {struck - began:6.1f} s, recovered in {recovered:5.1f} s")


def _proven(ground: Ground, result: Result, say: Callable[[str], None]) -> Report:
    """All that was put is stored and checkpointed; then the proof, against the manifest."""
    tips = ground.producing.manifest.tips
    assert set(ground.open_shards()) <= set(tips)
    try:
        until(lambda: ground.stored(tips), PATIENCE_S, "the last records to be stored")
        for instance in sorted(ground.workers, reverse=True):
            ground.stop(instance)
    except Stuck as why:
        result.stuck += 1
        say(f"at the end: {why}")
    snapshots = sum(1 for _ in lake_store(ground.site).list("snapshots/"))
    proof = report(ground.site)
    say(f"{proof.line}; {snapshots} snapshots kept")
    for finding in proof.findings:
        say(f"{finding.kind}: {finding.shard} {finding.what}")
    for name in ground.differences():
        result.different.append(name)
        say(f"{name} is not as an unbroken run leaves it")
    return proof
