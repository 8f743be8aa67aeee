"""What the proof of an alert sink came to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class AlertReport:
    """One alert sink. ``rows`` are the anomalies that are grave enough; each is one of the
    counts down to ``unjudged``. The last three count items that no such row is behind.

    ``unproven`` says why nothing was proven; the counts are 0 then.
    """

    sink: str
    table: str = ""
    severity: str = ""
    cooldown_seconds: float = 0
    unproven: str = ""
    rows: int = 0
    done: int = 0
    held_back: int = 0
    """By the cool-down; they have no item."""
    missing: int = 0
    unpublished: int = 0
    refused: int = 0
    """SNS will never take them: they are dead letters."""
    pending: int = 0
    """Of cuts past the checkpoint, not told yet."""
    expired: int = 0
    """Without an item, in a table that deletes items after a time."""
    aged: int = 0
    """Without an item, where the sink drops what waited too long in the stream."""
    unjudged: int = 0
    """Without an item, and what may have held them back lies out of scope, or is lost."""
    strays: int = 0
    on_the_way: int = 0
    """Items of records that no cut holds yet."""
    elsewhere: int = 0
    """Items of another life, or of a part that was not read."""

    @property
    def sentence(self) -> str:
        """For a person."""
        if self.unproven:
            return f"alerts of {self.sink}: not proven, {self.unproven}"
        told = {
            "done": self.done,
            "held back by the cool-down": self.held_back,
            **{
                name.replace("_", " "): getattr(self, name)
                for name in (*_SELDOM, "strays", "on_the_way", "elsewhere")
                if getattr(self, name)
            },
        }
        said = ", ".join(f"{count} {name}" for name, count in told.items())
        return f"alerts of {self.sink} in {self.table}: {self.rows} of {self.severity}, {said}"


_SELDOM = ("missing", "unpublished", "refused", "pending", "expired", "aged", "unjudged")
