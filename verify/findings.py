"""What verify finds, in words: the kinds of finding, and a bounded list of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Kind:
    """``fails`` is False for facts that are told and are not wrong."""

    means: str
    do: str
    fails: bool = True


_REREAD = (
    "while the stream still holds the records, begin a new life (new lake.prefix and "
    "application.name) and let it read them again"
)
_WRITER = "find out who wrote it (bucket versions, CloudTrail): the worker never changes an object"

KINDS: dict[str, Kind] = {
    "hole": Kind("records between two cuts belong to no cut", _REREAD),
    "overlap": Kind("two cuts hold the same stretch of the stream", _WRITER),
    "misnamed": Kind("a cut record doesn't stand where its content says", _WRITER),
    "stranger": Kind("a cut record of another life or shard", _WRITER),
    "disorder": Kind("a cut record contradicts itself", _WRITER),
    "unreadable": Kind("a cut record or object can't be read", "restore it from bucket versions"),
    "after-end": Kind("something follows the END of a shard", _WRITER),
    "end": Kind(
        "the shard is over, but its chain has no END",
        "restore the END record from bucket versions; without it no child shard can start",
    ),
    "checkpoint": Kind(
        "the lease's checkpoint lies at no cut's end: the KCL goes on where the lake did not stop",
        "stop the worker; if lake.prefix and application.name are right, " + _REREAD,
    ),
    "lease": Kind(
        "a chain that goes on has no lease, so nobody knows what is stored",
        "check application.name; a lost lease table needs a new life",
    ),
    "parent": Kind(
        "a shard has begun before its parent was wholly stored",
        "let the parent's worker finish; if its lease is gone, " + _REREAD,
    ),
    "snapshot": Kind(
        "the state that a worker needs to go on doesn't stand",
        "restore it from bucket versions, or begin a new life; the rows are not affected",
    ),
    "lost": Kind("an object that a cut record lists doesn't stand", "restore it; else " + _REREAD),
    "rows": Kind("an object holds another number of rows than its cut record says", _WRITER),
    "digest": Kind("a cut's rows are not those its record was made for", _WRITER),
    "double": Kind("rows stand twice at one position", _WRITER),
    "outside": Kind("rows lie outside the stretch of their cut", _WRITER),
    "vanished": Kind(
        "records of a cut left no row, neither a tick nor a reject",
        "this is an error of the decoder: report it with the cut's position",
    ),
    "misplaced": Kind("rows lie in a dt that isn't theirs, so queries by date miss them", _WRITER),
    "columns": Kind("an object lacks columns of its table", _WRITER),
    "unlisted": Kind("an object stands that no cut record lists: queries count its rows", _WRITER),
    "foreign": Kind(
        "an object below a table belongs to no life of this lake: queries count its rows",
        "move it out of the table's folder",
    ),
    "revision": Kind("a bar's revisions are not 1, 2, ... n", "look at the objects named"),
    "anomaly": Kind("an anomaly names a tick that its cut doesn't hold", _WRITER),
    "unalerted": Kind(
        "an anomaly was to be told, and the alert table has no item of it",
        "if alerts.severity or alerts.cooldown_seconds were others then, or the sink came later, "
        "verify with those settings or --from; else read the anomaly: nobody was told of it",
    ),
    "unpublished": Kind(
        "an alert was decided and its record is checkpointed, but it was never marked as sent",
        "tell its subscribers: no worker reads that record again",
    ),
    "false-alert": Kind(
        "an alert item stands that no anomaly of its cut is behind",
        "where rules or release changed at a restart, records behind the checkpoint were judged "
        "twice; else find out who wrote it (CloudTrail)",
    ),
    "missing": Kind(
        "records were produced and are not stored",
        "if a worker still runs, wait until it has caught up; else "
        "tapeline verify --against stream says which are still on the stream",
    ),
    "gap": Kind("records that an operator gave up, confirmed", "nothing", fails=False),
    "repeated": Kind(
        "a producer put the same record id more than once, at positions of their own",
        "count distinct ids, or widen the application's horizon for repeats",
        fails=False,
    ),
    "unknown-parent": Kind(
        "a parent has neither lease nor chain: it was over before this life began",
        "nothing, unless its chain was deleted",
        fails=False,
    ),
    "other-life": Kind(
        "objects of other lives stand in the same tables: queries count their rows",
        "nothing where that is meant, as for a backfill",
        fails=False,
    ),
    "early-alert": Kind(
        "an alert came within the cool-down of the one before",
        "nothing, where the cool-down was shorter then or the symbol moved to another shard",
        fails=False,
    ),
    "uncovered": Kind(
        "completeness could not be proven wholly, so produced is unknown",
        "see what the finding says",
        fails=False,
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing found. ``positions`` and ``objects`` are its evidence, as text."""

    kind: str
    what: str
    shard: str = ""
    positions: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    rows: int = 0

    @property
    def fails(self) -> bool:
        return KINDS[self.kind].fails

    def explained(self) -> dict[str, Any]:
        """With what it means and what to do, for machines."""
        kind = KINDS[self.kind]
        return {
            "kind": self.kind,
            "fails": kind.fails,
            "shard": self.shard,
            "what": self.what,
            "positions": list(self.positions),
            "objects": list(self.objects),
            "rows": self.rows,
            "means": kind.means,
            "do": kind.do,
        }


@dataclass
class Findings:
    """Every finding is counted; the first ``keep`` of a kind are kept."""

    keep: int = 50
    counts: Counter[str] = field(default_factory=Counter)
    kept: list[Finding] = field(default_factory=list)

    def add(self, found: Iterable[Finding]) -> None:
        for finding in found:
            self.counts[finding.kind] += 1
            if self.counts[finding.kind] <= self.keep:
                self.kept.append(finding)

    @property
    def failing(self) -> int:
        """How many findings fail the proof, those not kept included."""
        return sum(count for kind, count in self.counts.items() if KINDS[kind].fails)
