"""Who was produced, and who was seen: identities, as 128 bits of MD5.

An identity is a producer's record id, or a record's place on the stream. Kept as bits,
a hundred million of them take 1.7 GB of disk whatever they say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pyarrow as pa

from verify.disk import Disk

FLUSH = 50_000
NAMED = 1_000
"""Missing identities that are kept, so that some can be named."""

Seen = Literal["produced", "stored", "tick"]
"""A ``tick`` is stored, too, and counts as a repeat from its second time on."""
CODES: dict[Seen, int] = {"produced": 0, "stored": 1, "tick": 2}


@dataclass(frozen=True)
class Count:
    """Distinct identities produced, those of them never seen stored, and ticks seen again."""

    produced: int
    missing: int
    repeated: int


@dataclass
class Identities:
    """All that were seen, by any of the three."""

    disk: Disk
    _ids: list[tuple[int, pa.Array]] = field(default_factory=list, init=False, repr=False)

    def __post_init__(self) -> None:
        self.disk.run("CREATE TABLE seen (h UHUGEINT, code UTINYINT)")

    def see(self, who: Seen, identities: pa.Array) -> None:
        """Identities as text; nulls are nobody."""
        if len(identities):
            self._ids.append((CODES[who], identities))
        if sum(len(ids) for _, ids in self._ids) >= FLUSH:
            self._flush()

    def count(self) -> Count:
        """Settle who was produced, stored and repeated."""
        self._flush()
        counted = Count(
            *self.disk.one(
                """
                SELECT count(*) FILTER (produced), count(*) FILTER (produced AND NOT stored),
                       coalesce(sum(greatest(ticks - 1, 0)), 0)::BIGINT
                FROM (
                    SELECT h, bool_or(code = 0) AS produced, bool_or(code > 0) AS stored,
                           count(*) FILTER (code = 2) AS ticks
                    FROM seen GROUP BY h
                )
                """
            )
        )
        self.disk.run("CREATE OR REPLACE TABLE absent (h UHUGEINT)")
        if counted.missing:
            self.disk.run(
                "INSERT INTO absent SELECT h FROM seen GROUP BY h HAVING max(code) = 0 LIMIT ?",
                [NAMED],
            )
        return counted

    def absent(self, identities: pa.Array) -> list[str]:
        """Those of the identities that ``count`` found missing; it keeps NAMED of them."""
        rows = self.disk.asked(
            "SELECT id FROM batch WHERE md5_number(id) IN (SELECT h FROM absent)",
            pa.table({"id": identities}),
        )
        return [identity for (identity,) in rows]

    def _flush(self) -> None:
        if not self._ids:
            return
        ids = pa.table(
            {
                "id": pa.chunked_array([ids for _, ids in self._ids], pa.string()),
                "code": pa.chunked_array(
                    [pa.array([code] * len(ids), pa.uint8()) for code, ids in self._ids]
                ),
            }
        )
        self._ids = []
        self.disk.insert(
            "INSERT INTO seen SELECT md5_number(id), code FROM batch WHERE id IS NOT NULL", ids
        )
