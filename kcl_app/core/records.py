"""User records of one KCL call, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kcl_app.core.position import Position


@dataclass(frozen=True, slots=True)
class Records:
    """Equal lengths, in stream order; aggregation is already undone.

    ``sequences`` are Kinesis' own text, ``subs`` sub-sequence numbers, ``arrivals``
    milliseconds since 1970 as Kinesis stored them, ``data`` the payloads.
    """

    sequences: Sequence[str]
    subs: Sequence[int]
    arrivals: Sequence[int]
    keys: Sequence[str]
    data: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.sequences)

    def position(self, index: int) -> Position:
        return Position(self.sequences[index], self.subs[index])

    def slice(self, start: int, stop: int) -> Records:
        return Records(
            self.sequences[start:stop],
            self.subs[start:stop],
            self.arrivals[start:stop],
            self.keys[start:stop],
            self.data[start:stop],
        )
