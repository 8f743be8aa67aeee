"""The other side: a stock amazon_kclpy processor with JSON rows, doing the same job.

A stranger's program, so it has nothing of tapeline but the tables' schema: KCLProcess,
json, a dict a row, lists until the cut is full, pyarrow and a plain put for Parquet,
then the checkpoint. Arguments: endpoint, bucket, prefix, records a cut.
"""

from __future__ import annotations

import io
import json
import math
import sys
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from amazon_kclpy import kcl
from amazon_kclpy.v3 import processor

from bench.rows import Bars, Rolling, Row, Seen, anomalies
from kcl_app.core.schema import ANOMALIES, BARS, REJECTS, TICKS

EXCHANGE = ZoneInfo("America/New_York")
UNPLACED = {"part", "notional", "shard", "exchange_date", "exchange_hour", "exchange_minute"}
BAR_SCHEMA = pa.schema([field for field in BARS.arrow if field.name not in UNPLACED])
NUMBERS = ("open", "high", "low", "previous_close", "change", "change_percent", "volume")


class StockProcessor(processor.RecordProcessorBase):  # type: ignore[misc]
    """Rows in lists, windows in dicts; a full cut is written, then checkpointed."""

    def __init__(self, s3: Any, bucket: str, prefix: str, cut_records: int) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.prefix = prefix
        self.cut_records = cut_records
        self.rolling: dict[str, Rolling] = {}
        self.bars = Bars()
        self.seen = Seen()
        self._clear()

    def initialize(self, initialize_input: Any) -> None:
        self.shard = initialize_input.shard_id

    def process_records(self, process_records_input: Any) -> None:
        try:
            for record in process_records_input.records:
                self._take(record)
                self.records += 1
                if self.records == self.cut_records:
                    self._write(process_records_input.checkpointer, record)
        except Exception as error:  # KCLProcess would swallow it and say "done"
            raise SystemExit(f"{type(error).__name__}: {error}") from error

    def lease_lost(self, lease_lost_input: Any) -> None:
        self._clear()

    def shard_ended(self, shard_ended_input: Any) -> None:
        if self.ticks or self.rejects:
            self._put()
        shard_ended_input.checkpointer.checkpoint()

    def shutdown_requested(self, shutdown_requested_input: Any) -> None:
        if self.ticks or self.rejects:
            self._put()
            shutdown_requested_input.checkpointer.checkpoint()

    def _take(self, record: Any) -> None:
        data = record.binary_data
        place = {
            "arrival": datetime.fromtimestamp(record.timestamp_millis / 1000, UTC),
            "shard": self.shard,
            "sequence": record.sequence_number,
            "sub_sequence": record.sub_sequence_number,
            "line": 0,
        }
        try:
            row = parse(json.loads(data)) | place
        except (ValueError, KeyError, TypeError) as error:
            reject = {"reason": repr(error), "data": data, "partition_key": record.partition_key}
            self.rejects.append(reject | place)
            return
        if not self.seen.repeat(row):
            self._analyse(row)

    def _analyse(self, row: Row) -> None:
        rolling = self.rolling.get(row["symbol"])
        if rolling is None:
            rolling = self.rolling[row["symbol"]] = Rolling()
        rolling.add(row["price"], row)
        self.anomalies += anomalies(row)
        self.bars.add(row)
        self.ticks.append(row)

    def _write(self, checkpointer: Any, last: Any) -> None:
        self._put()
        checkpointer.checkpoint(last.sequence_number, last.sub_sequence_number)

    def _put(self) -> None:
        self._put_table("ticks", self.ticks, TICKS.arrow, "timestamp")
        self._put_table("anomalies", self.anomalies, ANOMALIES.arrow, "timestamp")
        self._put_table("rejects", self.rejects, REJECTS.arrow, "arrival")
        self._put_table("bars", self.bars.cut(), BAR_SCHEMA, "start")
        self._clear()

    def _put_table(self, table: str, rows: list[Row], schema: pa.Schema, time: str) -> None:
        days: dict[date, list[Row]] = {}
        for row in rows:
            days.setdefault(row[time].date(), []).append(row)
        for day, mine in days.items():
            if "symbol" in schema.names:
                mine.sort(key=itemgetter("symbol", time))
            body = io.BytesIO()
            pq.write_table(
                pa.Table.from_pylist(mine, schema), body, compression="zstd", compression_level=1
            )
            first = (self.ticks or self.rejects)[0]["sequence"]
            key = f"{self.prefix}/{table}/dt={day}/{self.shard}-{first}.parquet"
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.getvalue())

    def _clear(self) -> None:
        self.records = 0
        self.ticks: list[Row] = []
        self.anomalies: list[Row] = []
        self.rejects: list[Row] = []


def parse(tick: dict[str, Any]) -> Row:
    """A quote as a row of the ticks table. Raises ValueError, KeyError or TypeError."""
    symbol, price = tick["symbol"], float(tick["price"])
    if not isinstance(symbol, str) or not symbol:
        raise ValueError(f"symbol {symbol!r}")
    if not math.isfinite(price) or price < 0:
        raise ValueError(f"price {price}")
    at = datetime.fromisoformat(tick["timestamp"])
    if not 1990 <= at.year <= 2099:
        raise ValueError(f"timestamp {at}")
    local = at.astimezone(EXCHANGE)
    row: Row = {
        "symbol": symbol,
        "timestamp": at,
        "price": price,
        "kind": "quote",
        "source": tick.get("source"),
        "id": tick.get("id"),
        "exchange_date": local.date(),
        "exchange_hour": local.hour,
        "exchange_minute": local.minute,
    }
    for name in NUMBERS:
        value = tick.get(name)
        row[name] = None if value is None else float(value)
    return row


def main(endpoint: str, bucket: str, prefix: str, cut_records: str) -> None:
    # Not made by config.site: a stock program makes its own client.
    s3 = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    kcl.KCLProcess(StockProcessor(s3, bucket, prefix, int(cut_records))).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
