"""A run on the emulator: what is on the stream is what the manifest says."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.load import dump
from config.site import Site
from producer.call import PublishError, Stored
from producer.clock import Clock
from producer.manifest import SCHEMA, Manifest, run_id
from producer.produce import produce
from producer.queue import Line, Record
from producer.source import Source, SourceError, Ticks
from producer.synthetic import SyntheticSource
from tests.producer import fake_kinesis as world
from tests.producer.conftest import SleptClock, ticks_of


@pytest.fixture
def place(site: Site) -> Site:
    """The site with its stream and bucket."""
    kinesis = site.client("kinesis")
    kinesis.create_stream(StreamName=site.settings.stream.name, ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName=site.settings.stream.name)
    site.client("s3").create_bucket(Bucket=site.bucket)
    return site


def on_stream(site: Site) -> list[dict[str, Any]]:
    """Every tick on the stream, with the shard and sequence number of its record."""
    kinesis, stream = site.client("kinesis"), site.settings.stream.name
    found = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while records := (answer := kinesis.get_records(ShardIterator=iterator))["Records"]:
            iterator = answer["NextShardIterator"]
            for record in records:
                place = {"shard": shard["ShardId"], "sequence": record["SequenceNumber"]}
                found += [{**json.loads(x), **place} for x in record["Data"].splitlines()]
    return found


def in_manifest(site: Site) -> pa.Table:
    s3 = site.client("s3")
    listed = s3.list_objects_v2(Bucket=site.bucket, Prefix=f"{site.prefix}produced/")
    bodies = [
        s3.get_object(Bucket=site.bucket, Key=item["Key"])["Body"].read()
        for item in listed.get("Contents", [])
    ]
    return pa.concat_tables([pq.read_table(io.BytesIO(body)) for body in bodies])


@pytest.mark.parametrize("lines", [0, 1])
def test_the_manifest_names_exactly_what_is_on_the_stream(place: Site, lines: int) -> None:
    summary = produce(place, SyntheticSource(symbols=50, records=5_000), lines=lines)
    ticks, manifest = on_stream(place), in_manifest(place)
    assert summary.ticks == len(ticks) == manifest.num_rows == 5_000
    assert manifest.schema == SCHEMA
    names = ("id", "shard", "sequence", "symbol")
    of_stream = {tuple(tick[name] for name in names) for tick in ticks}
    assert of_stream == {tuple(row[name] for name in names) for row in manifest.to_pylist()}
    assert len(of_stream) == 5_000


def test_ids_count_the_run_and_the_tick(place: Site) -> None:
    clock = Clock(now=lambda: 1_738_335_845.0)
    summary = produce(place, SyntheticSource(symbols=1, records=2), clock=clock, token="ab12")
    assert summary.run == "20250131T150405Z-ab12"
    ids = sorted(tick["id"] for tick in on_stream(place))
    assert ids == [f"20250131T150405Z-ab12-00000000{n}" for n in (1, 2)]
    assert in_manifest(place).column("timestamp").to_pylist()[0].isoformat() == (
        "2025-01-06T14:30:00+00:00"
    )


def test_without_a_manifest_no_lake_is_needed(site: Site) -> None:
    kinesis = site.client("kinesis")
    kinesis.create_stream(StreamName=site.settings.stream.name, ShardCount=1)
    produce(site, SyntheticSource(records=10), manifest=False)
    assert len(on_stream(site)) == 10


def test_without_a_bucket_nothing_is_produced(site: Site) -> None:
    kinesis = site.client("kinesis")
    kinesis.create_stream(StreamName=site.settings.stream.name, ShardCount=1)
    with pytest.raises(PublishError, match=r"does not exist; make it with `tapeline apply`"):
        produce(site, SyntheticSource(records=10))
    assert on_stream(site) == []


@dataclass
class Torn(Source):
    closed: ClassVar[bool] = False

    def batches(self) -> Iterator[Ticks]:
        try:
            yield ticks_of("ABC")
            raise SourceError("line 4: torn")
        finally:
            Torn.closed = True


def test_a_source_that_breaks_leaves_a_manifest_of_what_it_gave(place: Site) -> None:
    with pytest.raises(SourceError, match="torn"):
        produce(place, Torn())
    assert in_manifest(place).column("symbol").to_pylist() == ["A", "B", "C"]
    assert Torn.closed


@dataclass
class Endless(Source):
    live: ClassVar[bool] = True

    def batches(self) -> Iterator[Ticks]:
        while not self.clock.stopped():
            yield ticks_of("AB")
            self.clock.wait(5)


def test_a_live_source_ends_when_asked_to(place: Site) -> None:
    clock = SleptClock(stop_after=3)
    summary = produce(place, Endless(), clock=clock, speed=0.001)
    assert (summary.ticks, summary.stopped) == (6, True)
    assert in_manifest(place).num_rows == 6


def test_a_terminated_run_leaves_a_manifest_of_what_is_on_the_stream(
    place: Site, tmp_path: Path
) -> None:
    settings = json.loads(dump(place.settings))
    flags = {
        "endpoint_url": settings["endpoint_url"],
        "stream.name": settings["stream"]["name"],
        "lake.bucket": settings["lake"]["bucket"],
        "lake.prefix": settings["lake"]["prefix"],
    }
    command = [sys.executable, "-c", "from cli.main import run; run()", "produce", "synthetic"]
    command += ["--records", "0", "--speed", "600", "--json"]
    command += [part for name, value in flags.items() for part in ("--set", f"{name}={value}")]
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}
    ) as running:
        while running.poll() is None and not on_stream(place):
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        out, _ = running.communicate()
    summary = json.loads(out)
    assert running.returncode == 0
    assert summary["stopped"]
    ids = sorted(tick["id"] for tick in on_stream(place))
    assert sorted(in_manifest(place).column("id").to_pylist()) == ids
    assert len(ids) == summary["ticks"] > 0


def noted(manifest: Manifest, ids: range) -> None:
    for number in ids:
        line = Line("A", b"{}", f"id-{number}", "A", number)
        manifest.note(Record("A", [line], 3), Stored("shardId-000000000000", str(number)))


def of(place: Site, clock: Clock, **more: Any) -> Manifest:
    return Manifest(place.client("s3"), place.bucket, place.prefix, "run", clock, **more)


def keys(place: Site) -> list[str]:
    listed = place.client("s3").list_objects_v2(Bucket=place.bucket)
    return [item["Key"].removeprefix(place.prefix) for item in listed.get("Contents", [])]


def test_a_part_is_put_when_it_is_full(place: Site, clock: SleptClock) -> None:
    manifest = of(place, clock, part_rows=2)
    noted(manifest, range(5))
    assert keys(place) == ["produced/run-00001.parquet", "produced/run-00002.parquet"]
    manifest.flush()
    assert len(keys(place)) == 3
    assert in_manifest(place).column("id").to_pylist() == [f"id-{n}" for n in range(5)]


def test_a_part_is_put_when_it_is_a_minute_old(place: Site, clock: SleptClock) -> None:
    manifest = of(place, clock)
    noted(manifest, range(1))
    manifest.settled()
    assert keys(place) == []
    clock.time += 60
    manifest.settled()
    assert keys(place) == ["produced/run-00001.parquet"]


def test_no_part_is_put_for_nothing(place: Site, clock: SleptClock) -> None:
    of(place, clock).flush()
    assert keys(place) == []


def test_a_part_whose_answer_was_lost_is_put_once(place: Site, clock: SleptClock) -> None:
    for _ in range(2):
        manifest = of(place, clock)
        noted(manifest, range(3))
        manifest.flush()
    assert in_manifest(place).num_rows == 3


def test_a_conflict_is_tried_again(place: Site, clock: SleptClock) -> None:
    manifest = of(place, clock)
    conflicts = iter([world.answer(409, {})])
    manifest.client.meta.events.register(
        "before-send.s3.PutObject", lambda **_: next(conflicts, None)
    )
    noted(manifest, range(3))
    manifest.flush()
    assert in_manifest(place).num_rows == 3
    assert len(clock.slept) == 1


def test_a_part_that_cannot_be_put_says_how_many_ticks_it_would_have_named(
    place: Site, clock: SleptClock
) -> None:
    manifest = of(place, clock)
    manifest.client.meta.events.register(
        "before-send.s3.PutObject", lambda **_: world.answer(403, {})
    )
    noted(manifest, range(3))
    with pytest.raises(PublishError, match="3 ticks are on the stream that the manifest does not"):
        manifest.flush()


def test_a_run_is_named_by_its_beginning_and_a_token() -> None:
    assert run_id(1_738_335_845.9, "ff00") == "20250131T150405Z-ff00"
