"""The proof, in the one order that a lake in use allows.

Leases first, then the objects that stand, then the cut records: what was
checkpointed before has its record and its objects in the later lists, and an
object is never older than its record, so nothing that a worker does meanwhile
looks like damage. Memory holds a few cuts; all else is on disk or let go.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from kcl_app.core.cut import CutRecord
from kcl_app.core.lake import object_key
from verify import bars, cutproof, standing
from verify.alerting import Alerting, Watched
from verify.chain import Chain, Checkpoint
from verify.cutrecords import CutRecords
from verify.cutresult import CutProof
from verify.disk import Disk
from verify.facts import Facts, LeasesAgain
from verify.findings import Finding, Findings
from verify.identities import Identities
from verify.inventory import Inventory
from verify.kin import Kin
from verify.lake import Lake
from verify.revisions import Revisions
from verify.scope import Scope
from verify.summary import Report, ShardReport
from verify.tally import Tally

Progress = Callable[[str], None]
Completeness = Callable[["Proof"], None]
"""Sets ``produced``, ``missing`` and ``repeated`` of the report once all cuts were read."""
EVERYTHING = Scope()
READERS = 4
"""Cuts that are read at a time; memory is about twice as many cuts' positions and ids."""


def prove(
    lake: Lake,
    facts: Facts,
    scope: Scope = EVERYTHING,
    progress: Progress = lambda said: None,
    completeness: Completeness = lambda proof: None,
    leases_again: LeasesAgain = lambda: {},
    memory: str = "512MB",
    found: Iterable[Finding] = (),
    watched: Sequence[Watched] = (),
) -> Report:
    """The report. ``completeness`` is one of verify.completeness; by default it stays unknown.

    ``leases_again`` reads the leases once more, for what moved on meanwhile. ``found``
    was found before, and counts. ``watched`` are the alert sinks.
    """
    with (
        tempfile.TemporaryDirectory(prefix="tapeline-verify-") as directory,
        Disk(Path(directory), memory) as disk,
        ThreadPoolExecutor(READERS, thread_name_prefix="verify") as pool,
    ):
        alerting = Alerting(disk, lake, scope, watched)
        proof = Proof(lake, facts, scope, disk, alerting, pool, progress, leases_again)
        proof.found.add(found)
        return proof.run(completeness)


@dataclass
class Proof:
    """One run. ``chains`` and ``report`` fill up as it goes."""

    lake: Lake
    facts: Facts
    scope: Scope
    disk: Disk
    alerting: Alerting
    pool: ThreadPoolExecutor
    progress: Progress
    leases_again: LeasesAgain
    report: Report = field(init=False)
    found: Findings = field(default_factory=Findings)
    chains: dict[str, Chain] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inventory = Inventory(self.disk)
        self.identities = Identities(self.disk)
        self.report = Report(
            life=self.facts.life, application=self.facts.application, scope=str(self.scope)
        )
        self.tally = Tally(self.scope, self.report, self.found, self.identities, self.alerting)

    def run(self, completeness: Completeness) -> Report:
        self.progress("listing objects")
        self.found.add(standing.enter(self.lake, self.inventory, self.facts.life, self.scope))
        for shard in self._shards():
            self._shard(shard)
        kin = Kin(self.lake, self.facts, self.scope, self.chains, self._checkpoint)
        self.found.add(kin.findings(self.leases_again))
        self.report.unlisted, unlisted = standing.unlisted(self.inventory, self.found.keep)
        self.found.add(unlisted)
        self.found.counts["unlisted"] = self.report.unlisted
        if "bars" in self.scope.tables and not self.scope.quick:
            self._bars()
        self._alerts()
        self.report.missing = self.tally.lost
        if self.scope.whole:
            self._complete(completeness)
        return self._closed()

    # --- shards --------------------------------------------------------------------

    def _shards(self) -> list[str]:
        """Every shard that has a lease or a chain."""
        known = {*(self.facts.leases or ()), *self.lake.folders(f"cuts/{self.facts.life}/")}
        return sorted(shard for shard in known if self.scope.has_shard(shard))

    def _checkpoint(self, shard: str) -> Checkpoint:
        """The lease's, read before the chain is. A shard may have begun since."""
        if self.facts.over:
            return Checkpoint("all")
        lease = (self.facts.leases or {}).get(shard) or self.leases_again().get(shard)
        if lease is not None:
            return lease.checkpoint
        # A lease that the KCL has removed belongs to a shard that is over.
        return Checkpoint("end" if self._records(shard).last_is_end() else "unknown")

    def _shard(self, shard: str) -> None:
        """Walk the chain; cuts are read ahead by the pool and counted in the chain's order."""
        chain = Chain(self.facts.life, shard, self._checkpoint(shard))
        told = ShardReport(shard, str(chain.checkpoint))
        self.chains[shard] = chain
        self.report.shards.append(told)
        ahead: deque[Future[CutProof]] = deque()
        for key, record in self._records(shard).read(self.pool, self._unreadable):
            settled = chain.add(key, record)
            self._list(record, settled)
            work = (self.lake, record, settled, self.scope, self.alerting.rules)
            ahead.append(self.pool.submit(cutproof.prove, *work))
            if len(ahead) > 2 * READERS:
                self.tally.take(ahead.popleft().result(), told)
        while ahead:
            self.tally.take(ahead.popleft().result(), told)
        self.found.add(chain.close())
        self.alerting.end(chain)
        told.cuts, told.pending_cuts = chain.cuts, chain.pending
        told.gaps, told.ended = len(chain.gaps), chain.ended
        self.progress(f"{shard}: {chain.cuts} cuts, {told.rows} ticks")

    def _records(self, shard: str) -> CutRecords:
        return CutRecords(self.lake, self.facts.life, shard)

    def _unreadable(self, finding: Finding) -> None:
        self.found.add([finding])

    def _list(self, record: CutRecord, settled: bool) -> None:
        for entry in record.objects:
            if self.scope.has(entry):
                key = object_key(record, entry)
                self.inventory.list_object(key, entry.table, entry.interval, entry.dt, settled)

    # --- tables --------------------------------------------------------------------

    def _bars(self) -> None:
        self.report.bars = 0
        revisions = Revisions(self.disk)
        for interval, dt in self.inventory.partitions("bars"):
            self.progress(f"bars {interval} {dt}")
            held, found = bars.prove(
                self.lake, self.inventory, revisions, interval, dt, self.found.keep
            )
            self.report.bars += held
            self.found.add(found)

    def _alerts(self) -> None:
        self.progress("alerts")
        self.found.add(self.alerting.prove())
        self.report.alerts = self.alerting.reports

    # --- completeness --------------------------------------------------------------

    def _complete(self, completeness: Completeness) -> None:
        completeness(self)
        report = self.report
        if report.repeated:
            what = f"{report.repeated} ticks carry an id that an earlier tick has"
            self.found.add([Finding("repeated", what, rows=report.repeated)])

    def _closed(self) -> Report:
        report = self.report
        report.overlaps += self.found.counts["overlap"]
        report.findings = self.found.kept
        report.counts = {kind: n for kind, n in sorted(self.found.counts.items()) if n}
        return report
