"""Many schedules of the model, on every core: crashes and zombies between any two calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.schedules.rules import why_not

CHUNK = 20


def many(seed: int, count: int, say: Callable[[str], None]) -> bool:
    """Play ``count`` schedules; True where each left the lake as an unbroken run does."""
    seeds = range(seed * 10**6, seed * 10**6 + count)
    wrong = failures(seeds)
    for failed, why in wrong[:10]:
        say(f"schedule {failed}: {why}")
        say(f"    again: python -m tests.faults --schedule {failed}")
    say(f"schedules={count} failed={len(wrong)}")
    return not wrong


def failures(seeds: Iterable[int], rule: str = "") -> list[tuple[int, str]]:
    """The schedules that fail, and why; ``rule`` names one to be switched off."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        played = pool.map(partial(_play, rule), seeds, chunksize=CHUNK)
        return [(seed, why) for seed, why in played if why]


def _play(rule: str, seed: int) -> tuple[int, str]:
    return seed, why_not(seed, rule)
