"""Marks that say: until then, nothing had followed a shard's checkpoint.

A quiet shard's last record expires although nothing is lost, on every long weekend. So
a worker that idles at the tip renews, every hour, one small object for its shard. Its
time is the store's clock as read one round earlier: every read of the stream since then
came back empty, so the mark promises less than is known. A stale or a zombie's mark
names another position or an older time, and so proves less, never more.
"""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from kcl_app.core.position import Position


class Mark(msgspec.Struct, frozen=True):
    """Nothing had followed (sequence, sub) at ``since``, by the store's clock."""

    sequence: str
    sub: int
    since: datetime


class QuietMarks:
    """The marks of one life on S3, at ``control/quiet/LIFE/SHARD.json``."""

    def __init__(self, client: Any, bucket: str, prefix: str, life: str) -> None:
        self._client = client
        self._bucket = bucket
        self._lead = f"{prefix}control/quiet/{life}/"
        self._read_at: dict[tuple[str, Position], datetime] = {}

    def since(self, shard: str, at: Position) -> datetime | None:
        """Until when nothing is known to have followed ``at``; None where no mark says so."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._key(shard))
        except self._client.exceptions.NoSuchKey:
            return None
        mark = msgspec.json.decode(answer["Body"].read(), type=Mark)
        return mark.since if Position(mark.sequence, mark.sub) == at else None

    def renew(self, shard: str, at: Position) -> None:
        """Called in rounds, while nothing follows ``at``: puts what the round before read."""
        before = self._read_at.get((shard, at))
        if before is not None:
            self.put(shard, at, before)
        answer = self._client.head_bucket(Bucket=self._bucket)
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        self._read_at = {(shard, at): parsedate_to_datetime(date)} if date else {}

    def put(self, shard: str, at: Position, since: datetime) -> None:
        """Replace the shard's mark."""
        body = msgspec.json.encode(Mark(at.sequence, at.sub, since))
        self._client.put_object(Bucket=self._bucket, Key=self._key(shard), Body=body)

    def _key(self, shard: str) -> str:
        return f"{self._lead}{shard}.json"
