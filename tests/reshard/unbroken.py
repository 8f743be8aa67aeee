"""What a lake must equal: the stream read again, and fed to one flow in one piece.

Sequence numbers grow from a parent to its children, and a symbol's records lie in one
shard at a time. So their order over all shards has each symbol's own order in it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from athena.local import LocalEngine
from config.site import Site
from kcl_app.core.flow import Flow
from kcl_app.core.records import Records
from kcl_app.core.tables import bars_to_arrow, to_arrow
from kcl_app.wiring import decoder, rules
from tests.replay.lakes import table
from tests.reshard.aggregating import User

READ_SIZE = 500
WHERE = ("shard",)
"""An unbroken run has one shard."""
FINAL = ("symbol", "start", "end", "open", "high", "low", "close", "volume", "notional", "ticks")
BAR = ("interval", *FINAL, "first_at", "last_at", "exchange_date", "exchange_minute")
"""The columns of bars_final that are not the view's own."""

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Put:
    """A record as the stream holds it."""

    shard: str
    sequence: str
    arrival_ms: int
    key: str
    data: bytes


def stream(site: Site) -> list[Put]:
    """Every record of every shard, parents too, by sequence number."""
    client, name = site.client("kinesis"), site.settings.stream.name
    shards = [s["ShardId"] for s in client.list_shards(StreamName=name)["Shards"]]
    found = [record for shard in shards for record in _shard(client, name, shard)]
    return sorted(found, key=lambda record: int(record.sequence))


def _shard(client: Any, stream: str, shard: str) -> Iterator[Put]:
    iterator = client.get_shard_iterator(
        StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    while iterator:
        answer = client.get_records(ShardIterator=iterator, Limit=READ_SIZE)
        for record in answer["Records"]:
            arrival = round(record["ApproximateArrivalTimestamp"].timestamp() * 1000)
            place = shard, record["SequenceNumber"], arrival
            yield Put(*place, record["PartitionKey"], record["Data"])
        if not answer["Records"] and not answer["MillisBehindLatest"]:
            return
        iterator = answer.get("NextShardIterator")


def unbroken(
    site: Site, puts: Sequence[Put], aggregates: Mapping[int, Sequence[User]]
) -> dict[str, pa.Table]:
    """Ticks, anomalies and bars of all of it, by the site's own rules."""
    records = _user_records(puts, aggregates)
    flow = Flow("unbroken", rules(site.settings))
    fed = flow.feed(decoder(site.settings).decode(records).ticks)
    return {
        "ticks": to_arrow("ticks", fed.ticks, "unbroken"),
        "anomalies": to_arrow("anomalies", fed.anomalies, "unbroken"),
        "bars": bars_to_arrow(flow.close(fed.ticks), "unbroken"),
    }


def _user_records(puts: Sequence[Put], aggregates: Mapping[int, Sequence[User]]) -> Records:
    rows = []
    for put in puts:
        users = aggregates.get(int(put.sequence), [(put.key, put.data)])
        rows += [(put.sequence, n, put.arrival_ms, *user) for n, user in enumerate(users)]
    return Records(*map(list, zip(*rows, strict=True)))


def differences(site: Site, aggregates: Mapping[int, Sequence[User]]) -> Iterator[str]:
    """Names of tables that are not as an unbroken run leaves them."""
    whole = unbroken(site, stream(site), aggregates)
    for name in ("ticks", "anomalies"):
        columns = all_but_where(whole[name])
        if rows(table(site, name), columns) != rows(whole[name], columns):
            yield name
    if rows(final_bars(site), BAR) != rows(whole["bars"], BAR):
        yield "bars_final"


def final_bars(site: Site) -> pa.Table:
    """Bars as a reader sees them."""
    return LocalEngine(site).answer("select * from bars_final", {}).table


def rows(of: pa.Table, columns: Sequence[str]) -> Rows:
    """Rows in an order of their own; they compare bit for bit. Times without a zone are UTC."""
    found = of.select(list(columns)).to_pylist()
    return sorted((tuple(map(_without_zone, row.values())) for row in found), key=repr)


def _without_zone(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value


def all_but_where(of: pa.Table) -> list[str]:
    return [name for name in of.column_names if name not in WHERE]
