"""The proof, in the one order that a lake in use allows.

Leases first, then the objects that stand, then the cut records: what was
checkpointed before has its record and its objects in the later lists, and an
object is never older than its record, so nothing that a worker does meanwhile
looks like damage. Memory holds a few cuts; all else is on disk or let go.
"""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from kcl_app.core.cut import CutRecord, parse
from kcl_app.core.lake import cut_key, object_key, snapshot_key
from verify import bars, cutproof, lineage, manifest
from verify.chain import Chain, Checkpoint
from verify.cutproof import CutProof
from verify.findings import Finding, Findings
from verify.lake import Lake
from verify.leases import Lease
from verify.ledger import Ledger
from verify.names import Names
from verify.scope import Scope
from verify.stream import identities
from verify.summary import Report, ShardReport

Progress = Callable[[str], None]
Completeness = Callable[["Proof"], None]
"""Sets ``produced``, ``missing`` and ``repeated`` of the report once all cuts were read."""
EVERYTHING = Scope()
READERS = 4
"""Cuts that are read at a time; memory is about twice as many cuts' positions and ids."""


@dataclass(frozen=True)
class Facts:
    """What is known beside the lake: the life, its leases, the stream's shards and parents.

    ``leases`` is None where there is no lease table, or where the life is over and
    is to be judged by itself (``over``).
    """

    life: str
    application: str = ""
    leases: Mapping[str, Lease] | None = None
    stream: Mapping[str, frozenset[str]] = field(default_factory=dict)
    over: bool = False


def prove(
    lake: Lake,
    facts: Facts,
    scope: Scope = EVERYTHING,
    progress: Progress = lambda said: None,
    completeness: Completeness = lambda proof: None,
    leases_again: Callable[[], Mapping[str, Lease]] | None = None,
    memory: str = "512MB",
    found: Iterable[Finding] = (),
) -> Report:
    """The report. ``completeness`` is one of verify.completeness; by default it stays unknown.

    ``leases_again`` reads the leases once more, for a snapshot that is gone because
    the checkpoint moved on meanwhile. ``found`` was found before, and counts.
    """
    with (
        tempfile.TemporaryDirectory(prefix="tapeline-verify-") as directory,
        Ledger(Path(directory), memory) as ledger,
        ThreadPoolExecutor(READERS, thread_name_prefix="verify") as pool,
    ):
        proof = Proof(lake, facts, scope, ledger, pool, progress)
        proof.found.add(found)
        return proof.run(completeness, leases_again)


@dataclass
class Proof:
    """One run. ``chains`` and ``report`` fill up as it goes."""

    lake: Lake
    facts: Facts
    scope: Scope
    ledger: Ledger
    pool: ThreadPoolExecutor
    progress: Progress
    report: Report = field(init=False)
    found: Findings = field(default_factory=Findings)
    chains: dict[str, Chain] = field(default_factory=dict)
    lost: int = 0
    unwritten: int = 0

    def run(
        self, completeness: Completeness, leases_again: Callable[[], Mapping[str, Lease]] | None
    ) -> Report:
        self.report = Report(
            life=self.facts.life, application=self.facts.application, scope=str(self.scope)
        )
        self._standing()
        for shard in self._shards():
            self._shard(shard)
        states = self._states()
        self.found.add(lineage.parents(states))
        self._snapshots(states, leases_again)
        self._unlisted()
        if "bars" in self.scope.tables and not self.scope.quick:
            self._bars()
        self.report.missing = self.lost
        if self.scope.whole:
            self._complete(completeness)
        return self._closed()

    # --- what stands ---------------------------------------------------------------

    def _standing(self) -> None:
        """Every object below the tables, sorted into ours, other lives', and nobody's."""
        names = Names(self.facts.life, frozenset(self.lake.folders("cuts/")))
        for table in sorted(self.scope.tables):
            self.progress(f"listing {table}")
            for key in self.lake.keys(f"{table}/"):
                if not names.counts(key) or not self.scope.has_date(names.dt(key)):
                    continue
                owner = names.owner(key)
                if owner is None:
                    what = f"{key} belongs to no life"
                    self.found.add([Finding("foreign", what, objects=(key,))])
                elif owner != self.facts.life:
                    self.report.other_lives += 1
                elif self.scope.has_shard(names.shard(key)):
                    self.ledger.stand(key)
        if self.report.other_lives:
            what = f"{self.report.other_lives} objects are of other lives"
            self.found.add([Finding("other-life", what)])

    def _unlisted(self) -> None:
        self.report.unlisted, keys = self.ledger.unlisted(self.found.keep)
        self.found.add(
            Finding("unlisted", f"{key} is in no cut record", objects=(key,)) for key in keys
        )
        self.found.counts["unlisted"] = self.report.unlisted

    # --- shards --------------------------------------------------------------------

    def _shards(self) -> list[str]:
        """Every shard that has a lease or a chain."""
        known = {*(self.facts.leases or ()), *self.lake.folders(f"cuts/{self.facts.life}/")}
        return sorted(shard for shard in known if self.scope.has_shard(shard))

    def _checkpoint(self, shard: str) -> Checkpoint:
        if self.facts.over:
            return Checkpoint("all")
        lease = (self.facts.leases or {}).get(shard)
        return lease.checkpoint if lease else Checkpoint("unknown")

    def _shard(self, shard: str) -> None:
        """Walk the chain; cuts are read ahead by the pool and counted in the chain's order."""
        chain = Chain(self.facts.life, shard, self._checkpoint(shard))
        # A lease that the KCL has removed belongs to a shard that is over.
        if chain.checkpoint.stand == "unknown" and self._has_end(shard):
            chain.checkpoint = Checkpoint("end")
        told = ShardReport(shard, str(chain.checkpoint))
        self.chains[shard] = chain
        self.report.shards.append(told)
        ahead: deque[Future[CutProof]] = deque()
        for key, record in self._records(shard):
            settled = chain.add(key, record)
            self._list(record, settled)
            ahead.append(self.pool.submit(cutproof.prove, self.lake, record, settled, self.scope))
            if len(ahead) > 2 * READERS:
                self._count(ahead.popleft().result(), told)
        while ahead:
            self._count(ahead.popleft().result(), told)
        self.found.add(chain.close())
        told.cuts, told.pending_cuts = chain.cuts, chain.pending
        told.gaps, told.ended = len(chain.gaps), chain.ended
        self.progress(f"{shard}: {chain.cuts} cuts, {told.rows} ticks")

    def _has_end(self, shard: str) -> bool:
        """Whether the chain's last record is an END."""
        last = deque(self._keys(shard), maxlen=1)
        body = self.lake.body(last[0]) if last else None
        try:
            return body is not None and parse(body).kind == "end"
        except ValueError:
            return False

    def _keys(self, shard: str) -> Iterator[str]:
        """Keys of the shard's records in stream order. HEAD would be listed last."""
        head = cut_key(self.facts.life, shard, None)
        if self.lake.body(head) is not None:
            yield head
        yield from (k for k in self.lake.keys(f"cuts/{self.facts.life}/{shard}/") if k != head)

    def _records(self, shard: str) -> Iterator[tuple[str, CutRecord]]:
        ahead: deque[tuple[str, Future[bytes | None]]] = deque()
        for key in self._keys(shard):
            ahead.append((key, self.pool.submit(self.lake.body, key)))
            if len(ahead) > 4 * READERS:
                yield from self._parsed(shard, *ahead.popleft())
        while ahead:
            yield from self._parsed(shard, *ahead.popleft())

    def _parsed(
        self, shard: str, key: str, reading: Future[bytes | None]
    ) -> Iterator[tuple[str, CutRecord]]:
        body = reading.result()
        try:
            record = parse(body or b"")
            _ = record.binding()  # positions are parsed when asked for
            yield key, record
        except ValueError as why:
            what = f"{key} is no cut record: {why}"
            self.found.add([Finding("unreadable", what, shard, objects=(key,))])

    def _list(self, record: CutRecord, settled: bool) -> None:
        for entry in record.objects:
            if self.scope.has(entry):
                key = object_key(record, entry)
                self.ledger.list_object(key, entry.table, entry.interval, entry.dt, settled)

    def _count(self, proof: CutProof, told: ShardReport) -> None:
        record, report = proof.record, self.report
        self.found.add(proof.found)
        report.overlaps += proof.doubled
        self.lost += proof.lost
        self.unwritten += proof.unwritten
        for table, rows in proof.rows.items():
            held = report.tables.setdefault(table, [0, 0])
            held[0], held[1] = held[0] + proof.objects.get(table, 0), held[1] + rows
        if record.kind == "gap":
            self._tell_gap(record)
        if proof.settled:
            report.stored += proof.rows.get("ticks", 0)
            report.rejects += proof.rows.get("rejects", 0)
            told.rows, told.rejects = told.rows + record.rows, told.rejects + record.rejects
            told.dropped += record.repeats
            report.dropped += record.repeats
        else:
            told.pending += record.rows + record.rejects
            report.pending += record.rows + record.rejects
        self._see(proof)

    def _see(self, proof: CutProof) -> None:
        if not self.scope.whole:
            return
        if self.scope.against == "stream" and proof.records is not None:
            self.ledger.see("stored", identities(proof.record.shard, proof.records))
        if "ticks" in proof.payload:
            self.ledger.see("tick", proof.payload["ticks"]["id"].combine_chunks())
        if "rejects" in proof.payload:
            self.ledger.see("stored", manifest.reject_ids(proof.payload["rejects"]["data"]))

    def _tell_gap(self, record: CutRecord) -> None:
        at = (str(record.begins_after or "HEAD"), str(record.ends_at))
        what = f"records after {at[0]} up to {at[1]} were given up: {record.reason or 'confirmed'}"
        self.found.add([Finding("gap", what, record.shard, at)])

    # --- between shards ------------------------------------------------------------

    def _states(self) -> dict[str, lineage.ShardState]:
        """Shards in scope as they stand, and their parents even out of scope."""
        leases, stream = self.facts.leases or {}, self.facts.stream
        states = {}
        for shard in sorted({*self.chains, *leases, *stream}):
            chain = self.chains.get(shard) or self._glance(shard)
            lease = leases.get(shard)
            states[shard] = lineage.ShardState(
                chain.checkpoint,
                lease is not None,
                shard in stream,
                chain.begun,
                chain.ended,
                chain.end,
                (lease.parents if lease else frozenset()) | stream.get(shard, frozenset()),
            )
        return states

    def _glance(self, shard: str) -> Chain:
        """A shard out of scope, or with a lease and no chain: only whether it began and ended."""
        chain = Chain(self.facts.life, shard, self._checkpoint(shard))
        chain.begun = next(self._keys(shard), None) is not None
        chain.ended = chain.begun and self._has_end(shard)
        return chain

    def _snapshots(
        self,
        states: dict[str, lineage.ShardState],
        leases_again: Callable[[], Mapping[str, Lease]] | None,
    ) -> None:
        for shard, at, why in lineage.snapshots(states):
            key = snapshot_key(self.facts.life, shard, at)
            if not self.scope.has_shard(shard) or self._stands(key):
                continue
            if leases_again is not None and self._moved_on(shard, leases_again()):
                continue
            what = f"{key} doesn't stand; it is needed for {why}"
            self.found.add([Finding("snapshot", what, shard, (str(at or "HEAD"),), (key,))])

    def _moved_on(self, shard: str, leases: Mapping[str, Lease]) -> bool:
        """True where the checkpoint moved meanwhile, and the snapshot stands at the new one."""
        before, now = self._checkpoint(shard), leases.get(shard)
        if now is None or now.checkpoint == before:
            return False
        at = now.checkpoint.position
        return at is None or self._stands(snapshot_key(self.facts.life, shard, at))

    def _stands(self, key: str) -> bool:
        return any(found == key for found in self.lake.keys(key))

    def _bars(self) -> None:
        self.report.bars = 0
        for interval, dt in self.ledger.partitions("bars"):
            self.progress(f"bars {interval} {dt}")
            held, found = bars.prove(self.lake, self.ledger, interval, dt, self.found.keep)
            self.report.bars += held
            self.found.add(found)

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
