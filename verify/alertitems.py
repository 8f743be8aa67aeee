"""The alert table, read; and the alerts that SNS refused, from the lake's dead letters."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from kcl_app.core.schema import TABLES
from verify.alertrules import CHOSEN, AlertRules
from verify.lake import Lake

ITEMS = CHOSEN.append(pa.field("state", pa.string()))
ASKED = {"#shard": "shard", "#state": "state", "#timestamp": "timestamp", "#position": "position"}
PROJECTION = "id, symbol, kind, #timestamp, #shard, #position, #state"


@dataclass(frozen=True)
class AlertTable:
    """An alert table in DynamoDB. Read after the leases: what was checkpointed has its item."""

    client: Any
    name: str

    def stands(self) -> bool:
        try:
            self.client.describe_table(TableName=self.name)
        except self.client.exceptions.ResourceNotFoundException:
            return False
        return True

    def expires(self) -> bool:
        """True where the table deletes items after a time: then a missing one may have been."""
        answer = self.client.describe_time_to_live(TableName=self.name)
        return str(answer["TimeToLiveDescription"]["TimeToLiveStatus"]) in ("ENABLED", "ENABLING")

    def items(self) -> Iterator[pa.Table]:
        """The alerts, a page at a time, in the columns of ``ITEMS``; consistent reads."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.name,
            ConsistentRead=True,
            ProjectionExpression=PROJECTION,
            ExpressionAttributeNames=ASKED,
        )
        for page in pages:
            yield table_of(page["Items"])


def table_of(items: list[Mapping[str, Any]]) -> pa.Table:
    """Items of alerts. What carries the cool-down has a ``#`` in its id, and is none."""
    rows = [_row(item) for item in items if "#" not in item["id"]["S"]]
    return pa.Table.from_pylist(rows, ITEMS)


def _row(item: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: item.get(name, {}).get("S", "") for name in ITEMS.names}
    return {**texts, "at": _instant(item.get("timestamp", {}).get("S", ""))}


def refused(lake: Lake, rules: AlertRules) -> Iterator[pa.Table]:
    """Anomalies that SNS will never take, a letter at a time, in the columns of ``CHOSEN``."""
    for key in lake.keys(f"refused/{rules.name}/anomalies/"):
        rows = [json.loads(line)["row"] for line in (lake.body(key) or b"").splitlines()]
        schema = TABLES["anomalies"].arrow
        times = {f.name for f in schema if pa.types.is_timestamp(f.type)}
        plain = [
            {f.name: _plain(row[f.name], f.name in times) for f in schema if f.name in row}
            for row in rows
        ]
        dated = [{**row, "exchange_date": None} for row in plain]
        yield rules.chosen(pa.Table.from_pylist(dated, _loose(schema)))


def _loose(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(True) for field in schema])


def _plain(value: Any, time: bool) -> Any:
    return datetime.fromisoformat(value) if time else value


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
