"""Completeness: what was produced, against what is stored.

The chain can't see what the KCL never delivered. So the produced records come from
elsewhere: from the manifests that producers write, or from the stream itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from kcl_app.core.position import Position
from verify import manifest, stream
from verify.chain import Chain
from verify.findings import Finding
from verify.proof import Proof

NAMED = 5
"""How many missing records a finding names."""


def against_nothing(proof: Proof) -> None:
    """Only repeats of a record id are counted; ``produced`` stays unknown."""
    proof.report.repeated = proof.identities.count().repeated


def against_manifests(proof: Proof) -> None:
    """By record id. Without any manifest ``produced`` stays unknown.

    Ids of pending cuts whose objects don't stand yet can't be known: as many
    missing ids as such cuts have rows are not held against the lake.
    """
    keys = manifest.keys(proof.lake)
    for key in keys:
        proof.progress(f"manifest {key}")
        for ids in manifest.ids(proof.lake, key):
            proof.identities.see("produced", ids)
    count = proof.identities.count()
    proof.report.repeated = count.repeated
    if not keys:
        return
    proof.report.produced = count.produced
    missing = max(count.missing - proof.tally.unwritten, 0)
    if missing:
        names = _named(proof, keys)
        what = f"{missing} record ids of the manifests are in no tick and in no reject"
        _missing(proof, missing, what, names)


@dataclass(frozen=True)
class AgainstStream:
    """By position, for every record up to the checkpoints that the stream still holds."""

    client: Any
    arn: str
    sleep: Callable[[float], None] = time.sleep

    def __call__(self, proof: Proof) -> None:
        chains = [chain for chain in proof.chains.values() if stream.compared(chain)]
        uncovered = [chain.shard for chain in chains if not self._replayed(proof, chain)]
        count = proof.identities.count()
        proof.report.repeated = count.repeated
        if uncovered:
            what = f"the stream no longer holds all records of {', '.join(uncovered[:NAMED])}"
            proof.found.add([Finding("uncovered", what)])
        else:
            proof.report.produced = count.produced
        missing = max(count.missing - proof.tally.unwritten - proof.report.dropped, 0)
        if missing:
            what = f"{missing} records up to the checkpoints are on the stream and have no row"
            _missing(proof, missing, what, self._named(proof, chains))

    def _replayed(self, proof: Proof, chain: Chain) -> bool:
        """Read the shard again; True where the stream still has it from the chain's start."""
        covered = chain.first is None
        proof.progress(f"{chain.shard}: reading the stream again")
        for first, names in self._names(proof, chain):
            covered = covered or (chain.first is not None and first <= chain.first)
            proof.identities.see("produced", names)
        return covered

    def _names(self, proof: Proof, chain: Chain) -> Iterator[tuple[Position, pa.Array]]:
        if chain.shard in proof.facts.stream:
            yield from stream.replay(self.client, self.arn, chain, self.sleep)

    def _named(self, proof: Proof, chains: list[Chain]) -> list[str]:
        named: list[str] = []
        for chain in chains:
            for _, names in self._names(proof, chain):
                named += proof.identities.absent(names)
                if len(named) >= NAMED:
                    return named[:NAMED]
        return named


def _named(proof: Proof, keys: list[str]) -> list[str]:
    named: list[str] = []
    for key in keys:
        for ids in manifest.ids(proof.lake, key):
            named += proof.identities.absent(ids)
            if len(named) >= NAMED:
                return named[:NAMED]
    return named


def _missing(proof: Proof, missing: int, what: str, names: list[str]) -> None:
    """A row lost with its object is missing, too: the larger number tells both."""
    proof.report.missing = max(missing, proof.tally.lost)
    said = f"{what}, such as {', '.join(names)}"
    proof.found.add([Finding("missing", said, positions=tuple(names), rows=missing)])
