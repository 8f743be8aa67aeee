"""Which window a time lies in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kcl_app.core.columns import Array
from kcl_app.core.event_time import DAY, SECOND

_UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": DAY}
_NAME = re.compile(r"([1-9]\d{0,4})([smhd])")


@dataclass(frozen=True, slots=True)
class Tumbling:
    """Windows of equal width, one behind the other, from midnight UTC on."""

    name: str
    width: int

    def bounds(self, instants: Array) -> tuple[Array, Array]:
        """Begin (inclusive) and end (exclusive) of each time's window, UTC microseconds."""
        starts = instants - instants % self.width
        return starts, starts + self.width


def window(name: str) -> Tumbling:
    """The windows of a name such as ``1m``, ``5m``, ``1h`` or ``1d``.

    Raises ValueError where it is no such name or doesn't divide a day.
    """
    found = _NAME.fullmatch(name)
    width = int(found.group(1)) * _UNITS[found.group(2)] if found else 0
    if not width or DAY % width:
        raise ValueError(f"interval {name!r}: write one that divides a day: 30s, 1m, 5m, 1h, 1d")
    return Tumbling(name, width)
