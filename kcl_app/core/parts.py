"""Parts of bars, as columns, and how later ones add to earlier ones."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

from kcl_app.core.columns import Array, Columns
from kcl_app.core.exact import PRICE_UNITS, VOLUME_UNITS, Wide
from kcl_app.core.exchange import LocalClock
from kcl_app.core.quotient import quotients
from kcl_app.core.state import State


@dataclass(frozen=True, slots=True)
class Parts:
    """Parts of bars, as columns."""

    slot: Array
    start: Array
    end: Array
    open: Array
    high: Array
    low: Array
    close: Array
    first_at: Array
    last_at: Array
    ticks: Array
    revision: Array
    volume: Wide
    notional: Wide
    part: Array

    def __getitem__(self, rows: Array) -> Parts:
        return Parts(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def __len__(self) -> int:
        return len(self.slot)

    def after(self, old: Parts) -> Parts:
        """What ``old`` and these later received parts of the same windows add up to."""
        earlier, later = self.first_at < old.first_at, self.last_at >= old.last_at
        return replace(
            self,
            start=np.minimum(self.start, old.start),
            end=np.maximum(self.end, old.end),
            open=np.where(earlier, self.open, old.open),
            close=np.where(later, self.close, old.close),
            high=np.maximum(self.high, old.high),
            low=np.minimum(self.low, old.low),
            first_at=np.minimum(self.first_at, old.first_at),
            last_at=np.maximum(self.last_at, old.last_at),
            ticks=self.ticks + old.ticks,
            revision=old.revision + 1,
            volume=self.volume + old.volume,
            notional=self.notional + old.notional,
            part=old.part,
        )

    def columns(self, state: State, clock: LocalClock) -> Columns:
        """The table ``bars``, but for the shard."""
        return Columns(
            {
                "symbol": state.names(self.slot),
                "start": self.start,
                "end": self.end,
                **{name: getattr(self, name) for name in ("open", "high", "low", "close")},
                "volume": self.volume.over(VOLUME_UNITS),
                "vwap": quotients(self.notional, self.volume, PRICE_UNITS),
                "notional": self.notional.decimals(),
                "ticks": self.ticks,
                "first_at": self.first_at,
                "last_at": self.last_at,
                "part": self.part,
                "revision": self.revision.astype(np.int64),
                **clock.columns(self.start),
            }
        )
