"""The benchmark measures what it says: same bytes to both sides, and answers that are compared."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from bench.compare import Different, Lake, compare
from bench.daemon import ChildFailed, run
from bench.race import Race, client, furnish
from bench.tape import Tape
from deploy.local.emulator import LocalAws

BUCKET = "bench-of-the-tests"
CUT = 1_000
SMALL = Tape(3_500, symbols=5, repeat_every=500)

Change = Callable[[pa.Table], pa.Table]


class Changed:
    """A lake with one of its tables changed on the way."""

    def __init__(self, lake: Lake, changes: Mapping[str, Change]) -> None:
        self.lake = lake
        self.changes = changes

    def table(self, name: str) -> pa.Table:
        table = self.lake.table(name)
        return self.changes[name](table) if name in self.changes else table


@pytest.fixture(scope="module")
def stock(emulator: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """What the stock side writes of a small tape."""
    folder = tmp_path_factory.mktemp("bench")
    SMALL.write(folder / "lines", batch=700)
    s3 = client(emulator, "s3")
    s3.create_bucket(Bucket=BUCKET)
    arguments = [emulator.endpoint_url, BUCKET, "stock", str(CUT)]
    command = [sys.executable, "-m", "bench.stock", *arguments]
    cost = run(command, os.environ, folder / "lines", folder / "log")
    assert cost.checkpoints == 4, "three whole cuts, then the shard's end"
    return Lake(s3, BUCKET, "stock")


def distinct_ids(tape: Tape) -> set[str]:
    return {json.loads(data)["id"] for _, _, data in tape.payloads()}


def nudged(column: str) -> Change:
    def change(table: pa.Table) -> pa.Table:
        values = table[column].to_numpy().copy()
        values[-1] += 1e-6 * abs(values[-1]) + 1e-6
        return table.set_column(
            table.column_names.index(column), column, pa.array(values, from_pandas=True)
        )

    return change


def without_last_row(table: pa.Table) -> pa.Table:
    return table.slice(0, table.num_rows - 1)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Tape(500, symbols=3, seed=9).write(tmp_path / name, batch=200)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").read_bytes().count(b"\n") == 3


def test_the_stock_side_stores_every_record_once_though_some_come_twice(stock: Lake) -> None:
    ids = stock.table("ticks")["id"]
    assert sorted(ids.to_pylist()) == sorted(distinct_ids(SMALL))
    assert len(ids) < 3_500


def test_the_tape_gives_every_rule_something_to_say(stock: Lake) -> None:
    assert set(stock.table("anomalies")["kind"].to_pylist()) == {"change", "z_score", "trend"}


def test_a_lake_equals_itself(stock: Lake) -> None:
    rows = compare(stock, stock)
    assert rows["ticks"] == len(distinct_ids(SMALL))
    assert all(rows.values())


@pytest.mark.parametrize(
    ("table", "column"),
    [("ticks", "price"), ("ticks", "sma_20"), ("anomalies", "score"), ("bars", "vwap")],
)
def test_one_value_that_differs_is_found(stock: Lake, table: str, column: str) -> None:
    changed: Any = Changed(stock, {table: nudged(column)})
    with pytest.raises(Different, match=rf"{table}\.{column}: 1 rows differ"):
        compare(changed, stock)


@pytest.mark.parametrize("table", ["ticks", "anomalies", "bars"])
def test_a_row_that_is_missing_is_found(stock: Lake, table: str) -> None:
    changed: Any = Changed(stock, {table: without_last_row})
    with pytest.raises(Different, match=table):
        compare(changed, stock)


def test_a_value_that_only_one_side_has_is_found(stock: Lake) -> None:
    def emptied(table: pa.Table) -> pa.Table:
        at = table.column_names.index("z_score")
        return table.set_column(at, "z_score", pa.nulls(table.num_rows, pa.float64()))

    changed: Any = Changed(stock, {"ticks": emptied})
    with pytest.raises(Different, match=r"ticks\.z_score"):
        compare(changed, stock)


def test_a_child_that_fails_ends_the_race_with_its_last_words(tmp_path: Path) -> None:
    Tape(10).write(tmp_path / "lines", batch=10)
    command = [sys.executable, "-c", "raise SystemExit('no lake today')"]
    with pytest.raises(ChildFailed, match="no lake today"):
        run(command, os.environ, tmp_path / "lines", tmp_path / "log")


def test_the_shard_process_and_a_plain_row_by_row_one_answer_alike(
    emulator: LocalAws, tmp_path: Path
) -> None:
    furnish(emulator)
    tape = Tape(6_000, symbols=7, seed=3, repeat_every=500)
    race = Race(tape, 900, 2_000, tmp_path, emulator, lambda text: None)
    (only,) = race.rounds(1)
    assert only.rows["ticks"] == len(distinct_ids(tape))
    assert all(only.rows.values())


def test_a_tape_in_runs_stays_with_a_symbol_and_a_plain_one_is_what_it_was() -> None:
    keys = [key for key, _, _ in Tape(60, symbols=50, run=20).payloads()]
    assert [len(set(keys[start : start + 20])) for start in (0, 20, 40)] == [1, 1, 1]
    assert list(Tape(60, symbols=50).payloads()) == list(Tape(60, symbols=50, run=1).payloads())
