"""The protocol in every world: the sizes that take minutes, and how many worlds they are."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.chain.explorer import explore
from tests.chain.walk import Walk
from tests.chain.wide import Release, Wide
from tests.chain.world import Rules

UNHURRIED = ((3, 1), (2, 2))
"""Records and zombies, with a pause at every call."""
WIDE = ((6, 2, 1, 1), (4, 2, 2, 1))
"""Records, zombies, releases, losses of the lease table."""


def every_world(say: Callable[[str], None]) -> bool:
    """True where none breaks a promise and each can still be brought to its end."""
    broken = [_unhurried(*size, say) for size in UNHURRIED]
    broken += [_wide(*size, say) for size in WIDE]
    return not any(broken)


def _unhurried(records: int, zombies: int, say: Callable[[str], None]) -> str:
    began = time.monotonic()
    found = explore(Rules(records, zombies, in_flight=2 if zombies == 1 else 1))
    what = f"records={records} zombies={zombies}, a pause at every call"
    return _told(found.states, what, found.broken, time.monotonic() - began, say)


def _wide(
    records: int, zombies: int, releases: int, losses: int, say: Callable[[str], None]
) -> str:
    began = time.monotonic()
    versions = tuple(Release(n) for n in range(1, releases + 1))
    found = Walk(Wide(records, versions), zombies, losses).all()
    what = f"records={records} zombies={zombies} releases={releases} lost_lease_tables={losses}"
    return _told(found.states, what, found.broken, time.monotonic() - began, say)


def _told(states: int, what: str, broken: str, took: float, say: Callable[[str], None]) -> str:
    say(f"worlds={states} broken={int(bool(broken))}: {what} ({took:.0f} s) {broken}".rstrip())
    return broken
