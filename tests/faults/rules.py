"""Each rule of the protocol switched off: in how many schedules it shows."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.schedules import failures
from tests.schedules.rules import OFF


def table(seed: int, count: int) -> Iterator[str]:
    """A Markdown table, line by line; its first row is the sound protocol."""
    seeds = range(seed * 10**6, seed * 10**6 + count)
    yield f"| switched off | caught by, of {count} schedules |"
    yield "|---|---|"
    yield f"| (nothing) | {len(failures(seeds))} |"
    for rule in OFF:
        yield f"| {rule} | {len(failures(seeds, rule))} |"
