"""Files replayed: one shard of running numbers, the same at every reading."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcl_app.core.position import Position
from producer.replay import ReplaySource
from replay.files import SHARD, FileOrigin
from replay.ids import Ids
from replay.origin import ReplayError
from tests.replay.world import RULES, Bodies, Killed, replayed

HEADER = "symbol,timestamp,price,volume\n"


def tape(rows: int = 40) -> str:
    """Two symbols; one row in ten is a day late, one in seventeen has no price."""
    lines = []
    for n in range(rows):
        day = 6 if n % 10 == 9 else 7
        price = "" if n % 17 == 16 else f"{100 + n * 0.13:.2f}"
        lines.append(f"{'AB'[n % 2]},2025-01-0{day}T15:{n // 60:02}:{n % 60:02}Z,{price},{n}")
    return HEADER + "\n".join(lines) + "\n"


def origin(folder: Path, text: str = "", name: str = "tape.csv", **reading: object) -> FileOrigin:
    path = folder / name
    path.write_text(text or tape())
    return FileOrigin(ReplaySource([str(path)], **reading), (1990, 2099))  # type: ignore[arg-type]


def test_every_row_is_a_record_at_its_running_number(tmp_path: Path) -> None:
    found = replayed(origin(tmp_path), rules=RULES)
    numbers = sorted(
        int(n) for table in ("ticks", "rejects") for n in found.table(table)["sequence"].to_pylist()
    )
    assert numbers == list(range(1, 41))
    assert found.table("rejects").num_rows == 2
    assert set(found.table("ticks")["shard"].to_pylist()) == {SHARD}


#   event time   |-- 10:00 -- 09:00 -- 11:00 --|
#   arrival         10:00    10:00    11:00
def test_a_tick_arrives_when_the_tape_has_reached_it(tmp_path: Path) -> None:
    rows = [f"A,2025-01-07T{hour}:00:00Z,1,1" for hour in ("10", "09", "11")]
    rows.insert(1, "A,9999-01-01T00:00:00Z,1,1")
    found = replayed(origin(tmp_path, HEADER + "\n".join(rows)), rules=RULES)
    assert [at.hour for at in found.table("ticks")["arrival"].to_pylist()] == [10, 10, 11]
    assert [at.year for at in found.table("rejects")["arrival"].to_pylist()] == [2025]


def test_a_reject_before_any_sound_time_arrives_with_the_first_year(tmp_path: Path) -> None:
    found = replayed(origin(tmp_path, HEADER + "A,0001-01-01T00:00:00Z,1,1\n"), rules=RULES)
    assert [at.year for at in found.table("rejects")["arrival"].to_pylist()] == [1990]


def test_how_the_tape_is_cut_changes_no_value(tmp_path: Path) -> None:
    one, other = (replayed(origin(tmp_path), rules=RULES, cut=cut) for cut in (3, 1_000))
    for name in ("ticks", "rejects", "anomalies"):
        assert one.rows(name) == other.rows(name)
    assert one.final_bars() == other.final_bars()


def test_killed_at_any_write_it_goes_on_to_the_same_lake(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("tape")
    whole = replayed(origin(folder), rules=RULES)

    @settings(deadline=None, max_examples=40)
    @given(st.lists(st.integers(1, 40), min_size=1, max_size=4))
    def holds(fuses: list[int]) -> None:
        into = Bodies()
        for fuse in [*fuses, float("inf")]:
            into.fuse = fuse
            try:
                replayed(origin(folder), into, RULES)
            except Killed:
                continue
        assert into.bodies.keys() == whole.bodies.keys()
        for name in ("ticks", "rejects", "anomalies", "bars"):
            assert into.rows(name) == whole.rows(name)

    holds()


def test_a_tape_that_is_done_is_not_read_again(tmp_path: Path) -> None:
    done = replayed(origin(tmp_path), rules=RULES)
    before = dict(done.bodies)
    again = origin(tmp_path)
    again.source.files.append(str(tmp_path / "which is not there.csv"))
    assert replayed(again, done, RULES).bodies == before


def test_ids_are_the_same_at_every_reading_and_listed_beside_the_lake(tmp_path: Path) -> None:
    read = origin(tmp_path)
    into = Bodies()
    for _ in range(2):
        read.ids = Ids(into, read.run, SHARD, part_rows=16)
        assert sum(len(records) for records in read.read(SHARD, None)) == 40
    parts = [pq.read_table(io.BytesIO(into.bodies[key])) for key in into.list("produced/")]
    assert [part.num_rows for part in parts] == [16, 16, 8]
    listed = [name for part in parts for name in part["id"].to_pylist()]
    assert listed == [f"{read.run}-{n:09d}" for n in range(1, 41)]
    assert set(replayed(origin(tmp_path), rules=RULES).table("ticks")["id"].to_pylist()) < {*listed}


def test_what_the_checkpoint_covers_is_read_but_not_given(tmp_path: Path) -> None:
    assert list(origin(tmp_path).read(SHARD, Position("40"))) == []


def test_another_content_name_or_reading_is_another_tape(tmp_path: Path) -> None:
    names = {
        origin(tmp_path).name,
        origin(tmp_path, tape(41)).name,
        origin(tmp_path, name="other.csv").name,
        origin(tmp_path, kind="bar").name,
        origin(tmp_path, limit=3).name,
    }
    assert len(names) == 5
    (tmp_path / "elsewhere").mkdir()
    assert origin(tmp_path / "elsewhere").name == origin(tmp_path).name


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"gone\.csv: cannot be read: No such file"):
        FileOrigin(ReplaySource([str(tmp_path / "gone.csv")]), (1990, 2099))
