"""A lake on S3, leases in DynamoDB, the stream itself, and the command over them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from cli import verify as command
from config.site import Site
from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord, Place, digest
from kcl_app.core.lake import LIFE as LIFE_KEY
from kcl_app.core.position import Position
from kcl_app.core.schema import TABLES
from kcl_app.life import Life
from sinks.parquet import ParquetSink
from tests.verify.true_lake import LIFE, A, Tape, TrueLake, true_lake
from verify import Scope, VerifyError, report
from verify.aggregate import MAGIC, user_records
from verify.chain import Checkpoint
from verify.leases import Lease


class SiteLake:
    """Puts a true lake where ``site`` says."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.s3 = site.client("s3")
        self.s3.create_bucket(Bucket=site.bucket)

    def put(self, lake: TrueLake) -> None:
        for key, body in lake.store.bodies.items():
            self.s3.put_object(Bucket=self.site.bucket, Key=self.site.prefix + key, Body=body)
        self.leases(lake.leases)

    def life(self, arn: str = "arn:aws:kinesis:us-east-1:000000000000:stream/none") -> None:
        life = Life(LIFE, self.site.settings.application.name, arn, "")
        key = self.site.prefix + LIFE_KEY
        self.s3.put_object(Bucket=self.site.bucket, Key=key, Body=msgspec.json.encode(life))

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=self.site.bucket, Key=self.site.prefix + key)

    def leases(self, leases: dict[str, Lease]) -> None:
        """As the KCL keeps them, with an item beside them that is no lease."""
        table = self.site.settings.application.name
        dynamodb = self.site.client("dynamodb")
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
        )
        other: dict[str, Any] = {"leaseKey": {"S": "Leader"}, "leaseOwner": {"S": "me"}}
        for item in (other, *map(item_of, leases.values())):
            dynamodb.put_item(TableName=table, Item=item)


def item_of(lease: Lease) -> dict[str, Any]:
    position = lease.checkpoint.position
    sentinel = {"end": "SHARD_END"}.get(lease.checkpoint.stand, "TRIM_HORIZON")
    return {
        "leaseKey": {"S": lease.shard},
        "checkpoint": {"S": position.sequence if position else sentinel},
        "checkpointSubSequenceNumber": {"N": str(position.sub if position else 0)},
        **({"parentShardId": {"SS": sorted(lease.parents)}} if lease.parents else {}),
    }


@pytest.fixture
def lake(site: Site) -> TrueLake:
    lake = true_lake(pending=False)
    placed = SiteLake(site)
    placed.put(lake)
    placed.life()
    return lake


def run(site: Site, *more: str) -> Any:
    """The command as a person types it, with the settings of ``site``."""
    app = typer.Typer()
    command.register(app)
    app.command("other")(lambda: None)
    settings = site.settings
    pairs = {
        "endpoint_url": settings.endpoint_url,
        "lake.bucket": settings.lake.bucket,
        "lake.prefix": settings.lake.prefix,
        "application.name": settings.application.name,
    }
    flags = [word for key, value in pairs.items() for word in ("--set", f"{key}={value}")]
    return CliRunner().invoke(app, ["verify", *flags, *more])


def test_the_last_line_is_the_proof(site: Site, lake: TrueLake) -> None:
    answer = run(site)
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.splitlines()[-1] == (
        "verify: produced=71 stored=66 missing=0 repeated=0 overlaps=0 rejects=5"
    )


def test_damage_ends_with_one_and_says_what_to_do(site: Site, lake: TrueLake) -> None:
    key = lake.objects("ticks")[0]
    SiteLake(site).delete(key)
    answer = run(site)
    assert answer.exit_code == 1
    assert f"lost: {A} {key} doesn't stand" in answer.stdout
    assert "to do: " in answer.stdout


def test_the_whole_report_as_json(site: Site, lake: TrueLake) -> None:
    answer = run(site, "--json")
    document = json.loads(answer.stdout)
    assert (document["ok"], document["stored"], document["life"]) == (True, 66, LIFE)
    assert {shard["checkpoint"] for shard in document["shards"]} >= {"SHARD_END"}


@pytest.mark.parametrize(
    "wrong",
    [
        ["--table", "tics"],
        ["--from", "31.1.2025"],
        ["--from", "2025-02-01", "--to", "2025-01-31"],
        ["--against", "hope"],
    ],
)
def test_a_wrong_option_ends_with_two(wrong: list[str], site: Site) -> None:
    assert run(site, *wrong).exit_code == 2


def test_a_place_where_nothing_lives_is_said(site: Site) -> None:
    SiteLake(site)
    with pytest.raises(VerifyError, match="no life has begun"):
        report(site)


def test_a_missing_bucket_is_said(site: Site) -> None:
    with pytest.raises(VerifyError, match="there is no bucket"):
        report(site)


def test_an_unknown_life_is_answered_with_those_there_are(site: Site, lake: TrueLake) -> None:
    with pytest.raises(VerifyError, match=LIFE):
        report(site, life="another")


def test_a_lost_lease_table_is_found(site: Site, lake: TrueLake) -> None:
    site.client("dynamodb").delete_table(TableName=site.settings.application.name)
    assert "lease" in report(site).counts


def test_what_the_parquet_sink_writes_is_proven(site: Site) -> None:
    """Objects put by the sink itself, from the same cuts."""
    lake = true_lake(pending=False)
    placed = SiteLake(site)
    sink = ParquetSink()
    sink.site = site
    sink.open()
    for record in [r for r in lake.records.values() if r.kind == "cut"]:
        sink.write(Batch(record.shard, tables_of(lake, record), record))
    sink.close()
    for table in TABLES:
        for key in list(lake.store.list(f"{table}/")):
            del lake.store.bodies[key]
    placed.put(lake)
    placed.life()
    proven = report(site)
    assert (proven.ok, proven.stored, proven.bars) == (True, 66, 8), proven.findings


def tables_of(lake: TrueLake, record: CutRecord) -> dict[str, pa.Table]:
    """The cut's tables as a worker hands them to its sinks."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for entry in record.objects:
        held = lake.rows(f"{entry.table}/{entry.partition}/{record.name}.parquet")
        rows.setdefault(entry.table, []).extend({**row, "interval": "1h"} for row in held)
    tables = {n: pa.Table.from_pylist(r, TABLES[n].arrow) for n, r in rows.items()}
    interval = pa.array(["1h"] * len(rows["bars"]), pa.string())
    tables["bars"] = tables["bars"].add_column(0, "interval", interval)
    return tables


# --- against the stream ------------------------------------------------------------


def streamed(site: Site, lines: int, stored: int) -> None:
    """``lines`` records on a stream of one shard, and a lake that holds the first ``stored``."""
    name = site.settings.stream.name
    kinesis = site.client("kinesis")
    kinesis.create_stream(StreamName=name, ShardCount=1)
    kinesis.get_waiter("stream_exists").wait(StreamName=name)
    summary = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]
    put = [
        kinesis.put_record(StreamName=name, PartitionKey="AAA", Data=b"{}") for _ in range(lines)
    ]
    sequences = [answer["SequenceNumber"] for answer in put]
    lake = TrueLake()
    tape = Numbered(put[0]["ShardId"], [*sequences[:stored]])
    last = lake.cut(tape, None, stored)
    lake.snapshot(tape.shard, last)
    lake.lease(tape.shard, Checkpoint("position", Position(sequences[-1])))
    if stored < lines:
        rest = CutRecord(
            LIFE,
            tape.shard,
            Place.of(last),
            Place(sequences[stored]),
            Place(sequences[-1]),
            digest=digest([], [], []),
        )
        lake.put(rest)
        lake.snapshot(tape.shard, Position(sequences[-1]))
    placed = SiteLake(site)
    placed.put(lake)
    placed.life(summary["StreamARN"])


class Numbered(Tape):
    """A tape whose sequence numbers are Kinesis' own."""

    def __init__(self, shard: str, sequences: list[str]) -> None:
        super().__init__(shard, 0)
        self.sequences = sequences

    def line(self) -> dict[str, Any]:
        number = self.lines
        return {**super().line(), "sequence": self.sequences[number], "sub_sequence": 0}


def test_the_stream_read_again_proves_completeness(site: Site) -> None:
    streamed(site, lines=12, stored=12)
    proven = report(site, Scope(against="stream"))
    assert proven.line == (
        "verify: produced=12 stored=11 missing=0 repeated=0 overlaps=0 rejects=1"
    )
    assert proven.ok


def test_records_that_the_kcl_never_delivered_are_found_on_the_stream(site: Site) -> None:
    streamed(site, lines=12, stored=9)
    proven = report(site, Scope(against="stream"))
    assert (proven.missing, proven.counts) == (3, {"missing": 1})


def test_a_stream_that_is_gone_is_said(site: Site, lake: TrueLake) -> None:
    with pytest.raises(VerifyError, match="is gone"):
        report(site, Scope(against="stream"))


def test_user_records_of_an_aggregate_are_counted() -> None:

    one = b"\x1a\x04\x08\x00\x1a\x00"
    body = b"\x0a\x03AAA" + 3 * one
    sealed = MAGIC + body + hashlib.md5(body, usedforsecurity=False).digest()
    assert user_records(sealed) == 3
    assert user_records(sealed[:-1] + b"!") == 1
    assert user_records(b'{"symbol": "AAA"}') == 1
