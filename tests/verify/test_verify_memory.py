"""The proof's memory does not grow with the lake: it is measured in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcl_app.core.lake import manifest_key
from tests.verify.long_lake import Folder, FolderLake, make, proof
from verify.buckets import Buckets
from verify.disk import Disk, TooLittleMemory

ROOT = Path(__file__).parents[2]
ROWS = 10_000
CUTS = 20
TIMES = 4
STEADY = {"MALLOC_ARENA_MAX": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""What is freed goes back, or is used again: so the peak is what was held at once."""
BYTES_A_ROW = 48
"""Of growth. A row's id alone, kept as Python text in a set, is above 100."""


def measured(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.verify.long_lake", str(path), "64MB"],
        cwd=ROOT,
        env={**os.environ, **STEADY},
        capture_output=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_lake_four_times_as_long_takes_no_more_memory(tmp_path: Path) -> None:
    peaks = []
    for cuts in (CUTS, TIMES * CUTS):
        make(tmp_path / str(cuts), cuts, ROWS)
        answer = measured(tmp_path / str(cuts))
        rows = cuts * ROWS
        assert answer["ok"]
        assert answer["line"].startswith(f"verify: produced={rows} stored={rows} missing=0")
        assert answer["alerts"]["done"] == rows // 1_000
        peaks.append(answer["peak"])
    assert peaks[1] - peaks[0] < BYTES_A_ROW * (TIMES - 1) * CUTS * ROWS


def test_what_is_taken_from_a_long_lake_is_missed(tmp_path: Path) -> None:
    """What the made lake proves is the lake: take something away, and it says so."""
    make(tmp_path, 3, 1_000)
    (tmp_path / manifest_key("run", 2)).unlink()
    assert proof(tmp_path, "64MB").produced == 2_000
    lake = FolderLake(Folder(tmp_path))
    (tmp_path / sorted(lake.keys("ticks/"))[1]).unlink()
    assert proof(tmp_path, "64MB").counts == {"lost": 1, "missing": 1}


def test_sets_that_cannot_be_settled_say_what_to_do(tmp_path: Path) -> None:
    with Disk(tmp_path, "16MB") as disk:
        disk.run("CREATE TABLE few AS SELECT range AS n FROM range(1000)")
        with pytest.raises(TooLittleMemory, match="within 16MB of memory: give more with"):
            disk.all("SELECT list(n || repeat('x', 4000)) FROM range(50000) AS t(n) GROUP BY n % 2")


@pytest.mark.parametrize("calls", [1, 7])
def test_buckets_bring_a_name_together_from_wherever_it_came(tmp_path: Path, calls: int) -> None:
    random = np.random.default_rng(1)
    names = random.integers(0, 5, (700, 2)).astype(np.uint64)
    codes = random.integers(0, 3, 700).astype(np.uint8)
    buckets = Buckets(tmp_path)
    for some in np.array_split(np.arange(700), calls):
        buckets.add(names[some], codes[some])
    found: dict[tuple[int, int], list[int]] = {}
    for group in buckets.groups():
        for begin, part in zip(group.begins, np.split(group.codes, group.begins[1:]), strict=True):
            high, low = group.names[begin].tolist()
            assert (high, low) not in found
            found[high, low] = sorted(part.tolist())
    wanted: dict[tuple[int, int], list[int]] = {}
    for (high, low), code in zip(names.tolist(), codes.tolist(), strict=True):
        wanted.setdefault((high, low), []).append(code)
    assert found == {name: sorted(part) for name, part in wanted.items()}
