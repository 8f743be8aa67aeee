"""What a flow in this process computes of the same stream, read with plain GetRecords."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa

from config.site import Site
from kcl_app.core.flow import Flow
from kcl_app.core.records import Records
from kcl_app.core.tables import bars_to_arrow
from kcl_app.opencut import Part, arrow_tables
from kcl_app.rules import rules_of
from kcl_app.wiring import decoder


def tables(site: Site) -> dict[str, pa.Table]:
    """Every table as one cut of each whole shard gives it."""
    found: dict[str, list[pa.Table]] = {}
    for shard, records in streamed(site):
        decoded = decoder(site.settings).decode(records)
        part = Part(records, decoded.ticks, decoded.rejects)
        flow = Flow(shard, rules_of(site.settings))
        fed = flow.feed(part.ticks)
        made = arrow_tables(shard, part, fed) | {
            "bars": bars_to_arrow(flow.close(fed.ticks), shard)
        }
        for name, table in made.items():
            found.setdefault(name, []).append(table)
    return {name: pa.concat_tables(some) for name, some in found.items()}


def streamed(site: Site) -> Iterator[tuple[str, Records]]:
    """Each shard's records from its beginning to now."""
    kinesis, stream = site.client("kinesis"), site.settings.stream.name
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        records = list(_records(kinesis, stream, shard["ShardId"]))
        yield (
            shard["ShardId"],
            Records(
                sequences=[record["SequenceNumber"] for record in records],
                subs=[0] * len(records),
                arrivals=[_milliseconds(record) for record in records],
                keys=[record["PartitionKey"] for record in records],
                data=[record["Data"] for record in records],
            ),
        )


def _records(kinesis: Any, stream: str, shard: str) -> Iterator[dict[str, Any]]:
    at = kinesis.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while True:
        answer = kinesis.get_records(ShardIterator=at, Limit=10_000)
        yield from answer["Records"]
        if not answer["Records"] and not answer["MillisBehindLatest"]:
            return
        at = answer["NextShardIterator"]


def _milliseconds(record: dict[str, Any]) -> int:
    arrival: datetime = record["ApproximateArrivalTimestamp"]
    return round(arrival.timestamp() * 1000)
