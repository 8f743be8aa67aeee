"""`tapeline demo` as a newcomer runs it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e.command import TAPELINE, demo, running_in
from tests.e2e.road import eventually

pytestmark = pytest.mark.daemon

MINUTES = Path(__file__).resolve().parents[3] / "shared" / "data" / "minute"
BARS = 99_746
SMALL = ("--records", "2400", "--symbols", "6", "--seed", "3")
PROVEN = r"verify: produced={n} stored={n} missing=0 repeated=0 overlaps=0 rejects={rejects}"


def tapeline(folder: Path, *arguments: str) -> str:
    """What another command in the same folder prints."""
    done = subprocess.run(
        [TAPELINE, *arguments], cwd=folder, capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout


def nothing_runs_in(folder: Path) -> None:
    eventually(lambda: not running_in(folder), lambda: "\n".join(running_in(folder)))


def test_a_demo_ends_with_its_proof_and_what_it_keeps_can_be_asked(tmp_path: Path) -> None:
    with demo(tmp_path, *SMALL, "--keep") as run:
        assert run.wait() == 0, run.said
    last = run.printed.splitlines()[-1]
    assert last == PROVEN.format(n=2400, rejects=7)
    try:
        assert tapeline(tmp_path, "verify").splitlines()[-1] == last
        answer = json.loads(tapeline(tmp_path, "query", "average_volume", "--format", "json"))
        assert len(answer) == 6
    finally:
        tapeline(tmp_path, "local", "down")
    nothing_runs_in(tmp_path)


def test_a_demo_reads_no_settings_and_no_credentials(tmp_path: Path) -> None:
    """Any of these, heeded, would end it: they name what isn't there."""
    (tmp_path / "tapeline.toml").write_text('unknown = "key"\n[stream]\nname = "another"\n')
    hostile = {
        "AWS_PROFILE": "nobody",
        "AWS_ACCESS_KEY_ID": "AKIAREALACCOUNT",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "TAPELINE_ENDPOINT_URL": "http://127.0.0.1:1",
        "TAPELINE_STREAM__NAME": "another",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
    }
    with demo(tmp_path, *SMALL, "--shards", "1", "--json", **hostile) as run:
        assert run.wait() == 0, run.said
    document = json.loads(run.printed)
    assert document["line"] == PROVEN.format(n=2400, rejects=7)
    assert run.said.splitlines()[-1] == document["line"]
    assert [len(document["answers"][name]) > 0 for name in document["answers"]] == [True] * 5
    assert document["alerts"]["received"] == document["alerts"]["published"] > 0
    assert sum(row["rejects"] for row in document["rejects"]) == 7
    assert not list((tmp_path / ".tapeline" / "demo").glob("tapeline-*"))
    nothing_runs_in(tmp_path)


@pytest.mark.parametrize("at", ["ticks onto the stream ...", "waiting for"])
def test_an_interrupted_demo_leaves_no_process_and_no_folder(tmp_path: Path, at: str) -> None:
    with demo(tmp_path, *SMALL) as run:
        run.until_it_says(at)
        run.process.send_signal(signal.SIGINT)
        assert run.wait() == 128 + signal.SIGINT
        assert not running_in(tmp_path)
    assert not list((tmp_path / ".tapeline" / "demo").glob("tapeline-*"))


def test_a_second_interrupt_leaves_no_process_either(tmp_path: Path) -> None:
    with demo(tmp_path, *SMALL, "--keep") as run:
        run.until_it_says("windows, flags")
        run.process.send_signal(signal.SIGTERM)
        run.process.send_signal(signal.SIGINT)
        assert run.wait() in (128 + signal.SIGTERM, 128 + signal.SIGINT)
        assert not running_in(tmp_path)


def test_what_a_killed_demo_started_ends_by_itself(tmp_path: Path) -> None:
    with demo(tmp_path, *SMALL) as run:
        run.until_it_says("waiting for")
        run.process.kill()
        run.process.wait()
        nothing_runs_in(tmp_path)


def test_real_bars_are_stored_once_and_answered_as_the_files_say(tmp_path: Path) -> None:
    files = [str(MINUTES / name) for name in ("SW.csv.gz", "CPAY.csv.gz")]
    if not MINUTES.is_dir():
        pytest.skip(f"the real minute bars are not here: {MINUTES}")
    with demo(tmp_path, "--input", files[0], "--input", files[1], "--json") as run:
        assert run.wait() == 0, run.said
    document = json.loads(run.printed)
    assert document["line"] == PROVEN.format(n=BARS, rejects=0)
    answer = document["answers"]["highest_high_per_hour"]
    assert [tuple(row.values()) for row in answer] == highest_high_per_hour(files)


def highest_high_per_hour(files: list[str]) -> list[tuple[Any, ...]]:
    """(symbol, hour in New York, highest high, bars), from the files alone."""
    with duckdb.connect(":memory:") as base:
        return base.execute(
            r"""
            select
                regexp_extract(filename, '([A-Z]+)\.csv', 1) as symbol,
                hour(make_timestamptz(timestamp_ms * 1000) at time zone 'America/New_York') as hour,
                max(high),
                count(*)
            from read_csv(?, filename = true)
            group by all
            order by symbol, hour
            """,
            [files],
        ).fetchall()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--input", "nowhere.csv"), "--input nowhere.csv: there is no such file"),
        (("--symbols", "A,A"), "symbols = A,A"),
        (("--input", __file__, "--seed", "1"), "--seed is of the made-up market"),
    ],
)
def test_wrong_usage_is_said_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    with demo(tmp_path, *arguments) as run:
        assert run.wait() == 2
    assert said in re.sub(r"\s+", " ", run.said)
    assert not (tmp_path / ".tapeline").exists()
