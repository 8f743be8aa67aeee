"""An answer, and whatever gives one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from athena.parameters import Value


class QueryError(Exception):
    """A question was not answered. The text says why, and what to do."""


class NotTranslated(QueryError):
    """The local engine could not promise Athena's answer, so it gives none."""


@dataclass(frozen=True)
class Stats:
    """What an answer cost. ``bytes_scanned`` of the local engine counts whole objects opened."""

    engine: str
    seconds: float
    bytes_scanned: int
    objects: int | None = None
    query_id: str | None = None


@dataclass(frozen=True)
class Answer:
    """Rows and their cost. Timestamps without a zone are UTC."""

    table: pa.Table
    stats: Stats


class Engine(Protocol):
    """Answers SQL in the Athena dialect, with ``:name`` parameters bound, never formatted in."""

    def answer(self, sql: str, params: Mapping[str, Value]) -> Answer:
        """The rows. Raises QueryError with a sentence."""

    def explain(self, sql: str) -> str:
        """The SQL that the engine runs for ``sql``. Raises QueryError."""
