"""Raw JSON objects replayed: the values of files, names of their own, the same at every reading."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.site import Site
from kcl_app.core.position import Position
from producer.replay import ReplaySource
from replay import ReplayError, replay
from replay.files import SHARD, FileOrigin
from replay.ids import Ids
from replay.named import BackfillDecoder
from replay.objects import FolderPlace, S3Place
from replay.origins import named_origin
from replay.raw import RawOrigin, name_of
from tests.conftest import MakeSite
from tests.replay.test_replay_command import SMALL, run
from tests.replay.world import RULES, Bodies, Killed, replayed
from verify import report

YEARS = (1990, 2099)


def line(n: int, **fields: Any) -> bytes:
    """Two symbols; one in ten is a day late, one in seventeen has no price, one is far off."""
    day = 6 if n % 10 == 9 else 7
    tick = {
        "symbol": "A" if n % 5 else "B",
        "timestamp": f"2025-01-0{day}T15:{n // 60:02}:{n % 60:02}.000000Z",
        "price": "" if n % 17 == 16 else round(100 + n * 0.13 + 50 * (n == 36), 2),
        "volume": float(n),
        "kind": "trade",
        "source": "replay",
    }
    return json.dumps({**tick, **fields}).encode()


def lines(first: int = 0, end: int = 40) -> bytes:
    return b"".join(line(n) + b"\n" for n in range(first, end))


def written(folder: Path, objects: Mapping[str, bytes]) -> Path:
    for name, body in objects.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return folder


def origin(folder: Path, objects: Mapping[str, bytes]) -> RawOrigin:
    return RawOrigin(FolderPlace(written(folder, objects)), YEARS)


def lake(of: RawOrigin, into: Bodies | None = None, cut: int = 11) -> Bodies:
    return replayed(of, into, RULES, cut, BackfillDecoder)


SPREAD = {
    "2025/01/07/14/a": lines(0, 7),
    "2025/01/07/15/b.gz": gzip.compress(lines(7, 20)),
    "2025/01/07/15/c.zst": pa.compress(lines(20, 31), codec="zstd", asbytes=True),
    "2025/01/08/firehose": b"".join(line(n) for n in range(31, 40)),
}


def test_values_are_bit_for_bit_those_of_the_file_replay(tmp_path: Path) -> None:
    """Every column but the names: places, arrivals, indicators, flags, bars and their parts."""
    file = tmp_path / "tape.jsonl"
    file.write_bytes(lines())
    from_file = replayed(FileOrigin(ReplaySource([str(file)]), YEARS), rules=RULES)
    from_raw = lake(origin(tmp_path / "raw", SPREAD))
    for name, without in (
        ("ticks", ("id",)),
        ("anomalies", ()),
        ("rejects", ("data", "partition_key")),
        ("bars", ()),
    ):
        assert from_file.rows(name, without) == from_raw.rows(name, without)
    assert from_raw.table("ticks").num_rows == 38
    assert from_raw.table("anomalies").num_rows > 0


def test_a_record_is_named_by_its_object_and_line(tmp_path: Path) -> None:
    found = lake(origin(tmp_path, SPREAD))
    ids = {row["sequence"]: row["id"] for row in found.table("ticks").to_pylist()}
    assert ids["1"] == "raw/2025/01/07/14/a#1"
    assert ids["9"] == "raw/2025/01/07/15/b.gz#2"
    assert ids["35"] == "raw/2025/01/08/firehose#1.4"
    rejects = found.table("rejects").to_pylist()
    assert {row["partition_key"] for row in rejects} == {
        "raw/2025/01/07/15/b.gz#10",
        "raw/2025/01/08/firehose#1.3",
    }
    assert rejects[0]["data"] == line(16)


def test_a_long_name_is_told_by_its_digest() -> None:
    assert name_of("a/b.json") == "raw/a/b.json"
    assert name_of("x" * 500) != name_of("x" * 501)
    assert len(name_of("x" * 500)) == len("raw/") + 32


def test_a_producers_own_id_stays_and_tells_its_repeats(tmp_path: Path) -> None:
    body = b"\n".join(line(n, symbol="A", id=f"own-{min(n, 3)}") for n in range(5))
    found = lake(origin(tmp_path, {"a": body}))
    assert sorted(found.table("ticks")["id"].to_pylist()) == ["own-0", "own-1", "own-2", "own-3"]


def test_order_is_that_of_names_as_s3_has_it(tmp_path: Path) -> None:
    objects = {"b": line(2), "a/z": line(1), "a.b": line(0), "ä": line(4), "z": line(3)}
    found = lake(origin(tmp_path, objects))
    names = {int(r["sequence"]): r["id"] for r in found.table("ticks").to_pylist()}
    assert [names[n] for n in range(1, 6)] == [
        "raw/a.b#1",
        "raw/a/z#1",
        "raw/b#1",
        "raw/z#1",
        "raw/ä#1",
    ]


def test_hidden_objects_are_none(tmp_path: Path) -> None:
    objects = {"a": line(0), "_SUCCESS": b"", ".tmp/x": line(1), "_part/b": line(2)}
    assert lake(origin(tmp_path, objects)).table("ticks").num_rows == 1


def test_killed_at_any_write_it_goes_on_to_the_same_lake(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("raw")
    whole = lake(origin(folder, SPREAD))

    @settings(deadline=None, max_examples=20)
    @given(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    def holds(fuses: list[int]) -> None:
        into = Bodies()
        for fuse in [*fuses, float("inf")]:
            into.fuse = fuse
            try:
                lake(origin(folder, SPREAD), into)
            except Killed:
                continue
        assert into.bodies.keys() == whole.bodies.keys()
        for name in ("ticks", "rejects", "anomalies", "bars"):
            assert into.rows(name) == whole.rows(name)

    holds()


def test_every_record_is_listed_under_the_name_that_the_lake_has(tmp_path: Path) -> None:
    read = origin(tmp_path, {**SPREAD, "9": b'hello\n{"id":"torn", "pri\n' + line(7, id="own")})
    into = Bodies()
    read.ids = Ids(into, read.run, SHARD, part_rows=16)
    assert sum(len(records) for records in read.read(SHARD, None)) == 43
    parts = [pq.read_table(io.BytesIO(into.bodies[key])) for key in into.list("produced/")]
    listed = [name for part in parts for name in part["id"].to_pylist()]
    assert listed[0] == "raw/2025/01/07/14/a#1"
    assert listed[-3:] == ["raw/9#1", "torn", "own"]
    assert len(set(listed)) == 43


def test_what_the_checkpoint_covers_is_read_but_not_given(tmp_path: Path) -> None:
    assert list(origin(tmp_path, SPREAD).read(SHARD, Position("40"))) == []


def test_another_content_or_name_is_another_origin(tmp_path: Path) -> None:
    names = {
        origin(tmp_path / str(n), objects).run
        for n, objects in enumerate(
            ({"a": lines()}, {"b": lines()}, {"a": lines(0, 39)}, {"a": lines(), "b": b""})
        )
    }
    assert len(names) == 4
    assert origin(tmp_path / "again", {"a": lines()}).run in names


def test_an_object_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    broken = origin(tmp_path, {"a": lines(), "x/b.gz": gzip.compress(lines())[:-9]})
    with pytest.raises(ReplayError, match=r"x/b\.gz is gzip that is cut short"):
        list(broken.read(SHARD, None))


def test_a_folder_without_objects_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="no object of raw JSON"):
        origin(tmp_path, {"_hidden": b"x"})


# --- on S3, by the command ---------------------------------------------------------


@pytest.fixture
def beside(make_site: MakeSite) -> Callable[[str], Site]:
    """Sites that share a bucket and differ in their prefix; ``raw/`` holds the objects."""
    first = make_site({"lake.prefix": "tape", **SMALL})
    s3 = first.client("s3")
    s3.create_bucket(Bucket=first.bucket)
    for name, body in SPREAD.items():
        s3.put_object(Bucket=first.bucket, Key=f"raw/{name}", Body=body)
    s3.put_object(Bucket=first.bucket, Key="raw-2/x", Body=b"PAR1")
    chosen = {"lake.bucket": first.bucket, "application.name": first.settings.application.name}
    return lambda prefix: make_site({**chosen, **SMALL, "lake.prefix": prefix})


def test_raw_objects_become_a_lake_that_verify_proves(beside: Callable[[str], Site]) -> None:
    site = beside("tape")
    answer = run(site, "--from", f"s3://{site.bucket}/raw", "--to", "backfill")
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.startswith("replayed: 40 records of 1 shards")
    proven = report(beside("backfill"))
    assert proven.ok
    assert proven.line == "verify: produced=40 stored=38 missing=0 repeated=0 overlaps=0 rejects=2"


def test_a_second_replay_of_the_same_changes_nothing(beside: Callable[[str], Site]) -> None:
    site = beside("tape")
    named = f"s3://{site.bucket}/raw/"
    run(site, "--from", named, "--to", "backfill")
    before = _tags(beside("backfill"))
    answer = run(site, "--from", named, "--to", "backfill", "--json")
    assert json.loads(answer.stdout)["records"] == 0
    assert _tags(beside("backfill")) == before


def _tags(site: Site) -> dict[str, str]:
    listed = site.client("s3").list_objects_v2(Bucket=site.bucket, Prefix=site.prefix)
    return {item["Key"]: item["ETag"] for item in listed["Contents"]}


def test_a_bucket_and_a_folder_give_the_same_records(
    beside: Callable[[str], Site], tmp_path: Path
) -> None:
    site = beside("tape")
    read = [
        RawOrigin(place, YEARS)
        for place in (
            S3Place(site.client("s3"), site.bucket, "raw"),
            FolderPlace(written(tmp_path, SPREAD)),
        )
    ]
    one, other = (lake(origin) for origin in read)
    for name in ("ticks", "rejects", "anomalies", "bars"):
        assert one.rows(name) == other.rows(name)


def test_one_object_may_be_named_by_its_key(beside: Callable[[str], Site]) -> None:
    site = beside("tape")
    named = f"s3://{site.bucket}/raw/2025/01/07/15/b.gz"
    answer = run(site, "--from", named, "--to", "one", "--json")
    assert json.loads(answer.stdout)["records"] == 13


def test_the_settings_may_say_where_raw_objects_are(
    beside: Callable[[str], Site], make_site: MakeSite
) -> None:
    site = beside("tape")
    with pytest.raises(ReplayError, match=r"catalog\.raw_location says no place"):
        named_origin(site, "raw")
    said = make_site({"catalog.raw_location": f"s3://{site.bucket}/raw/"})
    assert named_origin(said, "raw").name.startswith(f"4 raw objects of s3://{site.bucket}/raw/")


def test_a_folder_of_this_machine_is_read_as_raw_objects(
    beside: Callable[[str], Site], tmp_path: Path
) -> None:
    written(tmp_path, SPREAD)
    answer = run(beside("tape"), "--from", str(tmp_path), "--to", "backfill", "--json")
    assert json.loads(answer.stdout)["records"] == 40


def test_objects_added_since_make_it_another_backfill(beside: Callable[[str], Site]) -> None:
    site = beside("tape")
    named = f"s3://{site.bucket}/raw"
    run(site, "--from", named, "--to", "backfill")
    site.client("s3").put_object(Bucket=site.bucket, Key="raw/new", Body=line(1))
    answer = run(site, "--from", named, "--to", "backfill")
    assert answer.exit_code == 1
    assert "is a backfill of 4 raw objects" in answer.stderr


def test_an_object_changed_while_it_is_read_stops_the_backfill(
    beside: Callable[[str], Site],
) -> None:
    site = beside("tape")
    place = S3Place(site.client("s3"), site.bucket, "raw")
    listed = list(place.list())
    site.client("s3").put_object(Bucket=site.bucket, Key=listed[0].key, Body=line(1))
    with pytest.raises(ReplayError, match="raw/2025/01/07/14/a was changed or deleted"):
        list(place.blocks(listed[0]))


@pytest.mark.parametrize("to", ["raw/backfill", "raw"])
def test_the_new_lake_may_not_lie_among_the_raw_objects(
    beside: Callable[[str], Site], to: str
) -> None:
    site = beside("tape")
    answer = run(site, "--from", f"s3://{site.bucket}/raw", "--to", to)
    assert answer.exit_code == 1
    assert "lie in one another" in answer.stderr


def test_what_is_no_raw_json_is_named_by_its_key(beside: Callable[[str], Site]) -> None:
    site = beside("tape")
    answer = run(site, "--from", f"s3://{site.bucket}/raw-2", "--to", "backfill")
    assert answer.exit_code == 1
    assert f"s3://{site.bucket}/raw-2: x is Parquet" in answer.stderr


def test_stopped_it_goes_on_later(beside: Callable[[str], Site]) -> None:
    site, to = beside("tape"), beside("backfill")
    named = f"s3://{site.bucket}/raw"
    asked = iter([True])
    stopped = replay(site, named_origin(site, named), to, stopped=lambda: next(asked, False))
    assert not stopped.complete
    assert replay(site, named_origin(site, named), to).complete
    assert report(to).line.startswith("verify: produced=40 stored=38 missing=0 repeated=0")
