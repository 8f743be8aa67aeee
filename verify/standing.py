"""Every object that stands below the tables: ours, another life's, or nobody's."""

from __future__ import annotations

from collections.abc import Iterator

from verify.findings import Finding
from verify.inventory import Inventory
from verify.lake import Lake
from verify.names import Names
from verify.scope import Scope


def enter(lake: Lake, inventory: Inventory, life: str, scope: Scope) -> Iterator[Finding]:
    """Enter the life's objects in the inventory; yield what else stands there."""
    names = Names(life, frozenset(lake.folders("cuts/")))
    others = 0
    for table in sorted(scope.tables):
        for key in lake.keys(f"{table}/"):
            if not names.counts(key) or not scope.has_date(names.dt(key)):
                continue
            owner = names.owner(key)
            if owner is None:
                yield Finding("foreign", f"{key} belongs to no life", objects=(key,))
            elif owner != life:
                others += 1
            elif scope.has_shard(names.shard(key)):
                inventory.stand(key)
    if others:
        yield Finding("other-life", f"{others} objects are of other lives")


def unlisted(inventory: Inventory, most: int) -> tuple[int, list[Finding]]:
    """How many of the life's objects no cut record lists, and the first of them."""
    count, keys = inventory.unlisted(most)
    return count, [Finding("unlisted", f"{k} is in no cut record", objects=(k,)) for k in keys]
