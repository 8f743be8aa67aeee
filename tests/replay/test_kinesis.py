"""The same tape through Kinesis and through a backfill: equal tables.

             produce -> stream -> real daemon -> lake 1 --replay--> lake 3
    file  <
             replay ----------------------------> lake 2

Lakes 1 and 2 differ where they must: in the place on the stream (shard, sequence,
sub-sequence, line), in the arrival there, in the producer's record id, and in what these
name (a bar's part) or count (its revisions, which follow the cuts). Lakes 1 and 3 are the
same in every column but the revisions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from config.site import Site
from deploy.local.emulator import LocalAws
from kcl_app.worker import Worker
from producer.produce import produce
from producer.replay import ReplaySource
from producer.synthetic import SyntheticSource
from replay import replay
from replay.origins import file_origin, lake_origin
from tests.e2e.road import Road
from tests.replay.lakes import beside, table
from verify import report

pytestmark = pytest.mark.daemon

ROWS = 5_000
PLACE = ("arrival", "shard", "sequence", "sub_sequence", "line")
Rows = list[tuple[Any, ...]]


def tape(path: Path) -> None:
    """Quotes of eight symbols; some come late, some have no price, no zone or no symbol."""
    source = SyntheticSource(symbols=8, records=ROWS, seed=5, anomalies=3.0)
    rows = [dict(row) for ticks in source.batches() for row in ticks.rows]
    for n, row in enumerate(rows):
        if n % 500 == 499:
            row["price"] = "n/a"
        if n % 700 == 699:
            row["symbol"] = "X" * 300
    for n in range(90, len(rows), 97):
        rows[n - 90], rows[n] = rows[n], rows[n - 90]
    path.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))


@dataclass(frozen=True)
class Lakes:
    live: Site
    from_file: Site
    from_lake: Site


@pytest.fixture(scope="module")
def lakes(emulator: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lakes]:
    folder = tmp_path_factory.mktemp("tape")
    path = folder / "tape.jsonl"
    tape(path)
    road = Road(emulator, folder)
    road.sent += produce(road.site, ReplaySource([str(path)]), lines=1).ticks
    said = open(folder / "said", "ab")  # noqa: SIM115
    road.worker = Worker(road.site.settings, seed_leases=True, stderr=said)
    road.worker.start()
    try:
        road.until_all_is_stored()
        assert road.worker.stop() == 0
        live = road.site
        made = Lakes(live, beside(live, "from-file"), beside(live, "from-lake"))
        replay(live, file_origin(live, [str(path)], {}, print), made.from_file)
        replay(live, lake_origin(live), made.from_lake)
        yield made
    finally:
        road.end()


def rows(lake: pa.Table, without: Sequence[str] = ()) -> Rows:
    """Rows that compare bit for bit, in an order of their own."""
    return sorted(
        map(tuple, map(dict.values, lake.drop_columns(list(without)).to_pylist())), key=repr
    )


def final(lake: pa.Table, without: Sequence[str] = ()) -> Rows:
    """Each part of a bar at its last word."""
    last = {
        (row["interval"], row["symbol"], row["start"], row["part"]): row
        for row in lake.sort_by("revision").to_pylist()
    }
    gone = {"revision", *without}
    return sorted(
        (tuple(v for k, v in row.items() if k not in gone) for row in last.values()), key=repr
    )


def rejected(lake: pa.Table) -> Rows:
    """Rejects with their payload's id taken out."""
    found = []
    for row in lake.to_pylist():
        payload = {k: v for k, v in json.loads(row["data"]).items() if k != "id"}
        found.append((row["reason"], row["partition_key"], payload))
    return sorted(found, key=repr)


def test_ticks_are_the_same_but_for_their_place_and_id(lakes: Lakes) -> None:
    stream, file = (table(lake, "ticks") for lake in (lakes.live, lakes.from_file))
    assert len(stream) > 4_950
    assert rows(stream, (*PLACE, "id")) == rows(file, (*PLACE, "id"))


def test_anomalies_are_the_same_but_for_their_place(lakes: Lakes) -> None:
    stream, file = (table(lake, "anomalies") for lake in (lakes.live, lakes.from_file))
    assert len(stream) > 10
    assert rows(stream, PLACE) == rows(file, PLACE)


def test_final_bars_are_the_same_but_for_their_parts_names(lakes: Lakes) -> None:
    stream, file = (table(lake, "bars") for lake in (lakes.live, lakes.from_file))
    assert len(stream) > 1_000
    assert final(stream, ("part", "shard")) == final(file, ("part", "shard"))


def test_rejects_are_the_same_but_for_their_place_and_id(lakes: Lakes) -> None:
    stream, file = (table(lake, "rejects") for lake in (lakes.live, lakes.from_file))
    assert len(stream) > 10
    assert rejected(stream) == rejected(file)


@pytest.mark.parametrize("name", ["ticks", "anomalies", "rejects"])
def test_a_lake_made_from_the_streams_lake_is_the_same_in_every_column(
    lakes: Lakes, name: str
) -> None:
    assert rows(table(lakes.from_lake, name)) == rows(table(lakes.live, name))


def test_so_are_its_final_bars(lakes: Lakes) -> None:
    assert final(table(lakes.from_lake, "bars")) == final(table(lakes.live, "bars"))


def test_all_three_are_proven(lakes: Lakes) -> None:
    for lake in (lakes.live, lakes.from_file, lakes.from_lake):
        proven = report(lake)
        assert proven.ok, proven.findings
        assert proven.stored + proven.rejects == ROWS
    assert report(lakes.from_file).produced == ROWS
