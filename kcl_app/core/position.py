"""Where a record stands in its shard.

Rules:
1. Positions are compared as integers: sequence numbers are not dense, differ in
   length, and some stores pad them with zeros.
2. In keys they are spoken zero-padded, so that text order is stream order.
3. What goes back to Kinesis or the KCL is the text that came in, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import total_ordering

SEQUENCE_DIGITS = 56
SUB_DIGITS = 10
HEAD = "HEAD"


@total_ordering
@dataclass(frozen=True, slots=True)
class Position:
    """A user record's place: sequence number (as Kinesis wrote it) and sub-sequence.

    Raises ValueError where ``sequence`` is not a decimal number of at most 56
    digits, or ``sub`` is negative.
    """

    sequence: str
    sub: int = 0
    order: tuple[int, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = self.sequence
        if not (text.isascii() and text.isdigit() and len(text) <= SEQUENCE_DIGITS):
            raise ValueError(
                f"sequence number {text[:80]!r} is not a decimal number of at most "
                f"{SEQUENCE_DIGITS} digits"
            )
        if not 0 <= self.sub < 10**SUB_DIGITS:
            raise ValueError(f"sub-sequence number {self.sub} is out of range")
        object.__setattr__(self, "order", (int(text), self.sub))

    @property
    def key(self) -> str:
        """Zero-padded text whose order is the stream's: ``<sequence>-<sub>``."""
        return f"{self.sequence:0>{SEQUENCE_DIGITS}}-{self.sub:0{SUB_DIGITS}}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Position) and self.order == other.order

    def __lt__(self, other: Position) -> bool:
        return self.order < other.order

    def __hash__(self) -> int:
        return hash(self.order)

    def __str__(self) -> str:
        return f"{self.sequence}/{self.sub}" if self.sub else self.sequence


def key_after(after: Position | None) -> str:
    """The key of the cut that begins after ``after``; a shard's first is ``HEAD``."""
    return HEAD if after is None else after.key
