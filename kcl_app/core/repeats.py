"""Producer repeats: a record that a producer put twice has two positions, but one id.

Rules:
1. A tick is a repeat where its symbol and id were accepted before, at most ``seconds``
   earlier by the shard's clock of arrivals (the latest arrival so far, as Kinesis stored
   it: a clock that never runs backwards), and among the last ``most`` ids.
2. The first counts, later ones are left out. Ticks without an id are never repeats.
3. What is forgotten is decided record by record, so any cutting gives the same repeats.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from kcl_app.core.columns import Array, Columns
from kcl_app.core.event_time import SECOND

_BEGIN = 0
_CLOCK = b"clock"


@dataclass(frozen=True, slots=True)
class Horizon:
    """How long (by arrival) and how many ids are remembered; ``most`` 0 turns it off."""

    seconds: float = 300.0
    most: int = 100_000


class Repeats:
    """The ids of a shard within the horizon."""

    def __init__(self, horizon: Horizon) -> None:
        self.horizon = horizon
        self._reach = int(horizon.seconds * SECOND)
        self._seen: dict[str, int] = {}
        self._order: deque[str] = deque()
        self._clock = _BEGIN

    def __len__(self) -> int:
        return len(self._seen)

    def fresh(self, ticks: Columns) -> Array | None:
        """Which ticks are no repeats (bool), or None where all are; remembers their ids."""
        if not self.horizon.most or not ticks.size:
            return None
        clock = np.maximum.accumulate(np.maximum(ticks["arrival"], self._clock))
        self._clock = int(clock[-1])
        named = [row for row, name in enumerate(ticks["id"].tolist()) if name is not None]
        if not named:
            return None
        keys = list(map(_key, ticks["symbol"][named].tolist(), ticks["id"][named].tolist()))
        times = clock[named].tolist()
        if self._seen.keys().isdisjoint(keys) and len(set(keys)) == len(keys):
            self._remember(keys, times)
            return None
        repeated = [
            row for row, *seen in zip(named, keys, times, strict=True) if self._known(*seen)
        ]
        if not repeated:
            return None
        fresh = np.ones(ticks.size, dtype=bool)
        fresh[repeated] = False
        return fresh

    def _remember(self, keys: list[str], times: list[int]) -> None:
        self._seen.update(zip(keys, times, strict=True))
        self._order.extend(keys)
        self._forget(times[-1])

    def _known(self, key: str, now: int) -> bool:
        self._forget(now)
        if key in self._seen:
            return True
        self._seen[key] = now
        self._order.append(key)
        self._forget(now)
        return False

    def _forget(self, now: int) -> None:
        """Let go what lies beyond the horizon of ``now``."""
        seen, order = self._seen, self._order
        while order and (len(order) > self.horizon.most or now - seen[order[0]] > self._reach):
            del seen[order.popleft()]

    def copy(self) -> Repeats:
        twin = Repeats(self.horizon)
        twin._seen, twin._order = self._seen.copy(), self._order.copy()
        twin._clock = self._clock
        return twin

    def table(self) -> pa.Table:
        """The ids and when they came, oldest first."""
        keys, times = list(self._order), [self._seen[key] for key in self._order]
        columns = {"key": pa.array(keys, pa.string()), "at": pa.array(times, pa.int64())}
        return pa.table(columns).replace_schema_metadata({_CLOCK: str(self._clock)})

    @classmethod
    def of(cls, horizon: Horizon, tables: Iterable[pa.Table]) -> Repeats:
        """The ids of one table, or of parents' final ones, in order of arrival."""
        repeats = cls(horizon)
        parents = list(tables)
        clocks = [int(table.schema.metadata[_CLOCK]) for table in parents]
        every = pa.concat_tables([repeats.table(), *parents]).sort_by("at")
        for key, at in zip(every["key"].to_pylist(), every["at"].to_pylist(), strict=True):
            repeats._known(key, at)
        repeats._clock = max(clocks, default=_BEGIN)
        return repeats


def _key(symbol: str, name: str) -> str:
    """Symbols hold no control character, so this is one to one."""
    return f"{symbol}\0{name}"
