"""Walks every reachable world and names the first that breaks a promise."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from kcl_app.core import chain
from tests.chain.world import Rules, World


@dataclass(frozen=True)
class Explored:
    """``broken`` is empty where every state keeps the promises."""

    states: int
    broken: str = ""


def explore(rules: Rules, most: int = 5_000_000) -> Explored:
    """Breadth first, so that a broken promise comes with a shortest history."""
    first = World()
    seen = {first.key}
    queue = deque([first])
    finishes: dict[object, bool] = {}
    while queue:
        world = queue.popleft()
        if why := broken(rules, world) or stuck(rules, world, finishes):
            return Explored(len(seen), why)
        for after in rules.successors(world):
            key = after.key
            if key not in seen:
                seen.add(key)
                queue.append(after)
        if len(seen) > most:
            raise AssertionError(f"more than {most} states")
    return Explored(len(seen))


def broken(rules: Rules, world: World) -> str:
    """Which safety promise this world breaks; empty where none."""
    cuts = dict(world.cuts)
    if len(cuts) < len(world.cuts):
        return f"two records stand at one key: {sorted(world.cuts)}"
    path, ended = chain_from_head(cuts)
    if len(path) + ended < len(cuts):
        return f"a cut is not linked to the head: {sorted(world.cuts)}"
    if strange := world.objects - world.cuts:
        return f"objects {sorted(strange)} are not what a record says: {sorted(world.cuts)}"
    if any(at != fed for at, fed in world.snapshots):
        return f"a snapshot holds another state: {sorted(world.snapshots)}"
    stored = {last for after, last in path}
    if world.checkpoint and world.checkpoint not in stored:
        return f"checkpoint {world.checkpoint} is at no cut's end: {path}"
    behind = {(a, last) for a, last in path if last <= world.checkpoint}
    if lost := behind - world.objects:
        return f"checkpoint {world.checkpoint} passed {sorted(lost)}, which have no objects"
    if world.ended and not (ended and world.checkpoint == rules.records):
        return f"the shard is done without its END: {path}"
    if (world.checkpoint or world.ended) and not any(
        at == world.checkpoint for at, _ in world.snapshots
    ):
        return f"no snapshot stands at the checkpoint {world.checkpoint}"
    for worker in (world.owner, *world.zombies):
        if worker is not None and isinstance(worker.view.doing, chain.Stop):
            return f"a worker stopped in a sound world: {worker.view.doing.why}"
    return ""


def chain_from_head(cuts: dict[int, int]) -> tuple[list[tuple[int, int]], bool]:
    """The cuts from the head on, and whether an END closes them."""
    path, at = [], 0
    while at in cuts and cuts[at] > at:
        path.append((at, cuts[at]))
        at = cuts[at]
    return path, cuts.get(at) == at


def stuck(rules: Rules, world: World, finishes: dict[object, bool]) -> str:
    """Liveness: from here, one fresh worker alone that reads on must end the shard."""
    if world.ended:
        return ""
    alone = replace(world, owner=rules.started(world), zombies=())
    if alone.key not in finishes:
        finishes[alone.key] = _finishes(rules, alone)
    return "" if finishes[alone.key] else f"no worker can end the shard any more: {alone}"


def _finishes(rules: Rules, world: World) -> bool:
    """Steps in one fixed order: write what is begun, read on, close as late as may be."""
    for _ in range(40 * (rules.records + 2)):
        if world.ended:
            return True
        assert world.owner is not None
        options = list(rules.steps(world, world.owner, owns=True))
        if not options or options[0][1] is None:
            return False
        world = replace(options[0][0], owner=options[0][1])
    return False
