"""Producer repeats: a record that a producer put twice has two positions, but one id.

Rules:
1. A tick is a repeat where its symbol and id were accepted before, at most ``seconds``
   earlier by the shard's clock of arrivals (the latest arrival so far, as Kinesis stored
   it: a clock that never runs backwards), and among the last ``most`` ids.
2. The first counts, later ones are left out. Ticks without an id are never repeats.
3. What is forgotten is decided record by record, so any cutting gives the same repeats.
   Only a key that is there already needs the decision: all others are taken at once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

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
    """The ids of a shard within the horizon.

    Accepted ids are numbered. ``_seen`` has each key's last number; key and time of number
    ``k`` stand at ``k - _base``, those before ``_first`` are forgotten.
    """

    def __init__(self, horizon: Horizon) -> None:
        self.horizon = horizon
        self._reach = int(horizon.seconds * SECOND)
        self._seen: dict[str, int] = {}
        self._keys: list[str] = []
        self._times: list[int] = []
        self._base = 0
        self._first = 0
        self._clock = _BEGIN

    def __len__(self) -> int:
        return len(self._seen)

    def fresh(self, ticks: Columns) -> Array | None:
        """Which ticks are no repeats (bool), or None where all are; remembers their ids."""
        if not self.horizon.most or not ticks.size:
            return None
        clock = np.maximum.accumulate(np.maximum(ticks["arrival"], self._clock))
        self._clock = int(clock[-1])
        symbols, names = ticks["symbol"].tolist(), ticks["id"].tolist()
        # Symbols hold no control character, so a key stands for one symbol and one id.
        keys = [f"{symbol}\0{name}" for symbol, name in zip(symbols, names, strict=True)]
        if type(None) not in set(map(type, names)):
            return _all_but(self._accept(keys, clock.tolist()), ticks.size)
        named = [row for row, name in enumerate(names) if name is not None]
        found = self._accept([keys[row] for row in named], clock[named].tolist())
        return _all_but([named[place] for place in found], ticks.size)

    def _accept(self, keys: Sequence[str], times: Sequence[int]) -> Sequence[int]:
        """Places of the repeats; all other keys are remembered. ``times`` never fall."""
        if not keys:
            return ()
        self._forget(times[0])
        ahead, known = self._base + len(self._keys), len(self._seen)
        numbers = range(ahead, ahead + len(keys))
        last = list(map(self._seen.setdefault, keys, numbers))
        repeated: list[int] = []
        if len(self._seen) - known < len(keys):
            there = np.flatnonzero(np.array(last) != np.array(numbers)).tolist()
            repeated = self._repeated(keys, times, last, there)
        if repeated:
            fresh = np.ones(len(keys), dtype=bool)
            fresh[repeated] = False
            keys = list(compress(keys, fresh.tolist()))
            times = list(compress(times, fresh.tolist()))
            # Numbers have no gaps: behind the first repeat they move up.
            moved = range(ahead + repeated[0], ahead + len(keys))
            self._seen.update(zip(keys[repeated[0] :], moved, strict=True))
        self._keys += keys
        self._times += times
        self._forget(self._times[-1])
        return repeated

    def _repeated(
        self, keys: Sequence[str], times: Sequence[int], last: Sequence[int], there: Sequence[int]
    ) -> list[int]:
        """Which of the rows ``there``, whose keys were accepted before as ``last``, are repeats.

        Row by row: what lies beyond the row's horizon is forgotten, and accepted again.
        """
        ahead = self._base + len(self._keys)
        repeated: list[int] = []
        again: dict[str, int] = {}
        for row in there:
            number = again.get(keys[row], last[row])
            if number < ahead:
                at = self._times[number - self._base]
            else:
                at = times[number - ahead]
                number -= bisect_left(repeated, number - ahead)
            behind = ahead + row - len(repeated) - number
            if times[row] - at <= self._reach and behind <= self.horizon.most:
                repeated.append(row)
            else:
                again[keys[row]] = ahead + row
        self._seen.update(again)
        return repeated

    def _forget(self, now: int) -> None:
        """Let go what lies beyond the horizon of ``now``."""
        begin = self._first - self._base
        old = bisect_left(self._times, now - self._reach, lo=begin)
        end = max(old, len(self._keys) - self.horizon.most)
        for number, key in enumerate(self._keys[begin:end], self._first):
            if self._seen[key] == number:
                del self._seen[key]
        self._first = self._base + max(begin, end)
        if 2 * end > len(self._keys):
            del self._keys[:end], self._times[:end]
            self._base = self._first

    def copy(self) -> Repeats:
        twin = Repeats(self.horizon)
        begin = self._first - self._base
        twin._seen = self._seen.copy()
        twin._keys, twin._times = self._keys[begin:], self._times[begin:]
        twin._base = twin._first = self._first
        twin._clock = self._clock
        return twin

    def table(self) -> pa.Table:
        """The ids and when they came, oldest first."""
        begin = self._first - self._base
        keys, times = self._keys[begin:], self._times[begin:]
        columns = {"key": pa.array(keys, pa.string()), "at": pa.array(times, pa.int64())}
        return pa.table(columns).replace_schema_metadata({_CLOCK: str(self._clock)})

    @classmethod
    def of(cls, horizon: Horizon, tables: Iterable[pa.Table]) -> Repeats:
        """The ids of one table, or of parents' final ones, in order of arrival."""
        repeats = cls(horizon)
        parents = list(tables)
        clocks = [int(table.schema.metadata[_CLOCK]) for table in parents]
        every = pa.concat_tables([repeats.table(), *parents]).sort_by("at")
        repeats._accept(every["key"].to_pylist(), every["at"].to_pylist())
        repeats._clock = max(clocks, default=_BEGIN)
        return repeats


def _all_but(rows: Sequence[int], size: int) -> Array | None:
    if not rows:
        return None
    fresh = np.ones(size, dtype=bool)
    fresh[rows] = False
    return fresh
