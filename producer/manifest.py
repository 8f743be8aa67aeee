"""The ids that a run put on the stream, beside the lake: what completeness is proven against.

A tick is noted when Kinesis has acknowledged it, so the manifest never names one
that isn't there. A run that is killed outright may have put more than it names.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError

from kcl_app.core.lake import manifest_key
from kcl_app.core.schema import UTC_US
from producer.call import PublishError, Stored
from producer.clock import Clock
from producer.queue import Record

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("timestamp", UTC_US, nullable=False),
        pa.field("sequence", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
    ]
)
PART_ROWS = 100_000
PART_SECONDS = 60.0
ATTEMPTS = 5


def run_id(now: float, token: str) -> str:
    """``20250131T150405Z-1a2b3c``: when the run began, and ``token`` to tell two apart."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}-{token}"


@dataclass
class Manifest:
    """Parts of at most 100,000 ids at ``produced/RUN-00001.parquet`` below ``prefix``.

    A part is put once, when it is full, a minute old, or the run ends. Columns are
    those of SCHEMA; ``sequence`` is Kinesis' own text, which ticks of one record
    share.
    """

    client: Any
    bucket: str
    prefix: str
    run: str
    clock: Clock = field(default_factory=Clock)
    part_rows: int = PART_ROWS
    parts: int = 0

    def __post_init__(self) -> None:
        self._rows: list[tuple[str, str, int, str, str]] = []
        self._since = self.clock.monotonic()

    def open(self) -> None:
        """Make sure, before anything is produced, that there is a bucket."""
        try:
            self.client.head_bucket(Bucket=self.bucket)
        except ClientError as wrong:
            if wrong.response["Error"]["Code"] in ("404", "NoSuchBucket"):
                raise PublishError(
                    f"bucket {self.bucket} for the manifest does not exist; make it with "
                    "`tapeline apply`, or go without with --no-manifest"
                ) from wrong
        except BotoCoreError as wrong:
            raise PublishError(f"bucket {self.bucket} for the manifest: {wrong}") from wrong

    def note(self, record: Record, stored: Stored) -> None:
        for line in record.lines:
            if len(self._rows) == self.part_rows:
                self.flush()
            self._rows.append((line.id, line.symbol, line.time, stored.sequence, stored.shard))

    def settled(self) -> None:
        if self.clock.monotonic() - self._since >= PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Put what is noted and not yet stored. Raises PublishError where it can't be."""
        self._since = self.clock.monotonic()
        if not self._rows:
            return
        columns = [
            pa.array(values, type=column.type)
            for values, column in zip(zip(*self._rows, strict=True), SCHEMA, strict=True)
        ]
        body = io.BytesIO()
        pq.write_table(pa.table(columns, schema=SCHEMA), body, compression="zstd")
        self._put(self.prefix + manifest_key(self.run, self.parts + 1), body.getvalue())
        self.parts += 1
        self._rows.clear()

    def _put(self, key: str, body: bytes) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.client.put_object(Bucket=self.bucket, Key=key, Body=body, IfNoneMatch="*")
                return
            except ClientError as wrong:
                status = wrong.response["ResponseMetadata"]["HTTPStatusCode"]
                if status == 412:  # the run's name is its own: this is our own lost answer
                    return
                if status != 409 or attempt == ATTEMPTS:
                    raise self._unstored(key, wrong) from wrong
                self.clock.sleep(0.1 * attempt)
            except BotoCoreError as wrong:
                raise self._unstored(key, wrong) from wrong

    def _unstored(self, key: str, wrong: Exception) -> PublishError:
        return PublishError(
            f"s3://{self.bucket}/{key} was not written ({wrong}): {len(self._rows):,} ticks are "
            "on the stream that the manifest does not name"
        )
