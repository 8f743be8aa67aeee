"""How far the worker is, by cheap reads: cut records, leases, the number of items."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from config.site import Site
from kcl_app.core.cut import CutRecord, parse
from kcl_app.life import read_life
from kcl_app.wiring import lake_store
from verify import leases
from verify.leases import Lease


@dataclass(frozen=True)
class Figures:
    """What stands by now. ``stored``, ``rejects``, ``repeats`` and ``flags`` are rows of
    cuts up to the checkpoints; ``items`` are the latest values in DynamoDB, which come
    ahead of them; ``leased`` shards of ``shards`` have a worker that renews its lease."""

    stored: int = 0
    rejects: int = 0
    repeats: int = 0
    flags: int = 0
    items: int = 0
    cuts: int = 0
    shards: int = 0
    leased: int = 0
    life: bool = False
    """Whether the worker has opened the lake."""

    @property
    def accounted(self) -> int:
        """Lines of records that are done, whatever became of them."""
        return self.stored + self.rejects + self.repeats

    @property
    def begun(self) -> bool:
        """True once a record has come out at the worker's other end."""
        return bool(self.items or self.cuts)

    @property
    def waits_for(self) -> str:
        """What the first record still waits for; empty once it has come."""
        if self.begun:
            return ""
        if not self.life:
            return "the worker, to open the lake"
        if not self.shards or self.leased < self.shards:
            return f"the KCL, to take its leases: {self.leased} of {self.shards} shards"
        return "the first records"


@dataclass
class Gauge:
    """Reads figures of ``site``; cut records are read once each."""

    site: Site
    _records: dict[str, CutRecord] = field(default_factory=dict)
    _counters: dict[str, str] = field(default_factory=dict)
    _renewed: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._store = lake_store(self.site)
        self._dynamodb = self.site.client("dynamodb")
        self._life = ""

    def read(self) -> Figures:
        """Leases first: what was checkpointed then has its cut record in the listing."""
        held = self._leases()
        self._look_for_cuts()
        done = [record for record in self._records.values() if _done(record, held)]
        return Figures(
            stored=sum(record.rows for record in done),
            rejects=sum(record.rejects for record in done),
            repeats=sum(record.repeats for record in done),
            flags=sum(o.rows for record in done for o in record.objects if o.table == "anomalies"),
            items=self._items(),
            cuts=len(done),
            shards=len(held),
            leased=len(self._renewed),
            life=bool(self._life),
        )

    def _look_for_cuts(self) -> None:
        if not self._life:
            life = read_life(self._store)
            self._life = life.id if life else ""
        if self._life:
            for key in self._store.list(f"cuts/{self._life}/"):
                if key not in self._records and (body := self._store.get(key)) is not None:
                    self._records[key] = parse(body)

    def _leases(self) -> dict[str, Lease]:
        """Leases by shard; notes whose counter has moved since it was first seen."""
        table = self.site.settings.application.name
        try:
            items = self._dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
        except self._dynamodb.exceptions.ResourceNotFoundException:
            return {}
        held = {}
        for item in items:
            if lease := leases.parse(item):
                held[lease.shard] = lease
                self._note(lease.shard, item)
        return held

    def _note(self, shard: str, item: Any) -> None:
        counter = item.get("leaseCounter", {}).get("N", "0")
        if self._counters.setdefault(shard, counter) != counter:
            self._renewed.add(shard)

    def _items(self) -> int:
        """Exact at once on a local AWS; AWS itself counts every six hours."""
        name = self.site.settings.items.table
        return int(self._dynamodb.describe_table(TableName=name)["Table"]["ItemCount"])


def _done(record: CutRecord, held: dict[str, Lease]) -> bool:
    lease = held.get(record.shard)
    return lease is not None and lease.checkpoint.covers(record.ends_at)
