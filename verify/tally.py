"""What the cuts come to, one after another: rows, losses, identities and alerts."""

from __future__ import annotations

from dataclasses import dataclass

from kcl_app.core.cut import CutRecord
from verify.alerting import Alerting
from verify.cutresult import CutProof
from verify.findings import Finding, Findings
from verify.identities import Identities
from verify.scope import Scope
from verify.stream import identities
from verify.summary import Report, ShardReport


@dataclass
class Tally:
    """Counts into ``report`` and ``found``; what is seen goes to ``identities``.

    ``lost`` are rows that no standing object holds, ``unwritten`` those of pending cuts
    whose objects may still come.
    """

    scope: Scope
    report: Report
    found: Findings
    identities: Identities
    alerting: Alerting
    lost: int = 0
    unwritten: int = 0

    def take(self, proof: CutProof, told: ShardReport) -> None:
        """The next cut of the shard that ``told`` is of."""
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
        self.alerting.take(proof)
        self._see(proof)

    def _see(self, proof: CutProof) -> None:
        if not self.scope.whole:
            return
        if self.scope.against == "stream" and proof.records is not None:
            self.identities.see("stored", identities(proof.record.shard, proof.records))
        if "ticks" in proof.ids:
            self.identities.see("tick", proof.ids["ticks"])
        if "rejects" in proof.ids:
            self.identities.see("stored", proof.ids["rejects"])

    def _tell_gap(self, record: CutRecord) -> None:
        at = (str(record.begins_after or "HEAD"), str(record.ends_at))
        what = f"records after {at[0]} up to {at[1]} were given up: {record.reason or 'confirmed'}"
        self.found.add([Finding("gap", what, record.shard, at)])
