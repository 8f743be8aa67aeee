"""Backfill: files, or a lake that stands, through the same core into a lake life of its own."""

from replay.origin import Origin, ReplayError
from replay.run import Summary, replay

__all__ = ["Origin", "ReplayError", "Summary", "replay"]
