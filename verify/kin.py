"""Between shards: parents are wholly stored, and what a worker may still load stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from kcl_app.core.lake import left_index_key, left_states_key, snapshot_key
from kcl_app.core.position import Position
from kcl_app.core.snapshot import UnknownSnapshot, load
from verify import lineage
from verify.chain import Chain, Checkpoint
from verify.cutrecords import CutRecords
from verify.facts import Facts, LeasesAgain
from verify.findings import Finding
from verify.lake import Lake
from verify.scope import Scope


@dataclass(frozen=True)
class Kin:
    """``chains`` are those of the shards in scope, walked; ``checkpoint`` gives any shard's."""

    lake: Lake
    facts: Facts
    scope: Scope
    chains: Mapping[str, Chain]
    checkpoint: Callable[[str], Checkpoint]

    def findings(self, leases_again: LeasesAgain) -> Iterator[Finding]:
        """``leases_again`` reads the leases once more, for checkpoints that moved meanwhile."""
        states = self.states()
        yield from lineage.parents(states)
        for shard, at, why in lineage.snapshots(states):
            if self.scope.has_shard(shard):
                yield from self._snapshot(shard, at, why, leases_again)

    def states(self) -> dict[str, lineage.ShardState]:
        """Shards in scope as they stand, and their parents even out of scope."""
        leases, stream = self.facts.leases or {}, self.facts.stream
        parents = {
            shard: (leases[shard].parents if shard in leases else frozenset())
            | stream.get(shard, frozenset())
            for shard in sorted({*self.chains, *leases, *stream})
        }
        awaited = frozenset[str]().union(*parents.values())
        states = {}
        for shard, born_of in parents.items():
            chain = self.chains.get(shard) or self._glance(shard)
            # A parent may have ended, and its child begun, since its chain was walked.
            ended = chain.ended or (shard in awaited and self._records(shard).last_is_end())
            leased, listed = shard in leases, shard in stream
            states[shard] = lineage.ShardState(
                chain.checkpoint, leased, listed, chain.begun, ended, chain.end, born_of
            )
        return states

    def _glance(self, shard: str) -> Chain:
        """A shard out of scope, or one that the stream alone knows."""
        chain = Chain(self.facts.life, shard, self.checkpoint(shard))
        chain.begun = next(self._records(shard).keys(), None) is not None
        return chain

    def _records(self, shard: str) -> CutRecords:
        return CutRecords(self.lake, self.facts.life, shard)

    def _snapshot(
        self, shard: str, at: Position | None, why: str, leases_again: LeasesAgain
    ) -> Iterator[Finding]:
        """What is lacking of the state after ``at``: the snapshot, or what it lists."""
        lacking = list(self._lacking(shard, at))
        if lacking and not self._moved_on(shard, leases_again):
            for key, wrong in lacking:
                what = f"{key} {wrong}; it is needed for {why}"
                yield Finding("snapshot", what, shard, (str(at or "HEAD"),), (key,))

    def _lacking(self, shard: str, at: Position | None) -> Iterator[tuple[str, str]]:
        """(key, what is wrong with it)."""
        key = snapshot_key(self.facts.life, shard, at)
        body = self.lake.body(key)
        if body is None:
            yield key, "doesn't stand"
            return
        try:
            left = load(body, ()).left
        except UnknownSnapshot as wrong:
            yield key, f"can't be read: {wrong}"
            return
        for name in left:
            for part in (left_states_key, left_index_key):
                if not self._stands(part(self.facts.life, name)):
                    yield part(self.facts.life, name), "doesn't stand, and a snapshot lists it"

    def _moved_on(self, shard: str, leases_again: LeasesAgain) -> bool:
        """True where the checkpoint moved meanwhile, and the state at the new one is whole."""
        before, now = self.chains[shard].checkpoint, leases_again().get(shard)
        if now is None or now.checkpoint == before:
            return False
        at = now.checkpoint.position
        return at is None or not list(self._lacking(shard, at))

    def _stands(self, key: str) -> bool:
        return any(found == key for found in self.lake.keys(key))
