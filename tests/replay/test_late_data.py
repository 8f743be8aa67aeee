"""What becomes of a late tick in the lake: the table of docs/late-data.md is written here.

    two days, a tick a minute       |----------------------------------|  newest: 15:00:29
    then, in a cut of its own:       ^ 1 day        ^ 1 h    ^ 1 min  ^ 1 s late

Through the whole processor; the lake is in memory, its objects are Parquet.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kcl_app.core.flow import Rules
from kcl_app.core.records import Records
from kcl_app.core.windows import window
from tests.replay.world import ZONE, Bodies, stream

PAGE = Path(__file__).parents[2] / "docs" / "late-data.md"
SHARD = "shardId-000000000000"
INTERVALS = ("1m", "1h", "1d")
RULES = Rules(ZONE, tuple(map(window, INTERVALS)), ())
NEWEST = datetime(2025, 1, 8, 15, 0, 29, tzinfo=UTC)
MINUTES = 2 * 24 * 60
LATE = {
    "1 s": timedelta(seconds=1),
    "1 min": timedelta(minutes=1),
    "1 h": timedelta(hours=1),
    "1 day": timedelta(days=1),
}
HEAD = (
    "| late by | stored in | `late_seconds` | 1m bar | 1h bar | 1d bar |",
    "|---|---|---|---|---|---|",
)
Row = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """A lake with one late tick: the tick's row and object, what its cut wrote, final bars."""

    tick: Row
    stored_in: str
    written: dict[str, Row]
    final: dict[str, Row]
    late: datetime
    rejects: int


def told(by: timedelta) -> Story:
    late = NEWEST - by
    half_past = NEWEST + timedelta(seconds=1)
    times = [half_past - timedelta(minutes=n) for n in range(MINUTES - 1, 0, -1)] + [NEWEST]
    lines = [line(at, 100.0) for at in times] + [line(late, 250.0)]
    arrivals = [int(at.timestamp() * 1000) + 40 for at in (*times, NEWEST)]
    count = len(lines)
    records = Records(
        [str(10**20 + n) for n in range(count)], [0] * count, arrivals, ["AAA"] * count, lines
    )
    bodies = Bodies()
    stream(bodies, SHARD, records, calls=60, rules=RULES, cut=60)
    (stored,) = [key for key in bodies.list("ticks/") if str(10**20 + count - 2) in key]
    return Story(
        tick=next(r for r in bodies.table("ticks").to_pylist() if r["price"] == 250.0),
        stored_in=stored.rsplit("/", 1)[0],
        written={i: touched(bodies, i, late)[-1] for i in INTERVALS},
        final={i: merged(touched(bodies, i, late)) for i in INTERVALS},
        late=late,
        rejects=bodies.table("rejects").num_rows,
    )


def line(at: datetime, price: float) -> bytes:
    row = {"symbol": "AAA", "timestamp": at.isoformat(), "price": price, "volume": 10}
    return json.dumps(row).encode()


def touched(bodies: Bodies, interval: str, late: datetime) -> list[Row]:
    """Rows of the window that the late tick lies in, the late cut's one last."""
    rows = bodies.table("bars").to_pylist()
    mine = [r for r in rows if r["interval"] == interval and r["start"] <= late < r["end"]]
    return sorted(mine, key=lambda r: (r["high"], r["part"], r["revision"]))


def merged(rows: list[Row]) -> Row:
    """The final bar, as bars_final has it: each part at its last word, added up."""
    parts = {r["part"]: r for r in sorted(rows, key=lambda r: r["revision"])}.values()
    return {
        "parts": len(parts),
        "ticks": sum(r["ticks"] for r in parts),
        "volume": sum(r["volume"] for r in parts),
        "high": max(r["high"] for r in parts),
        "close": max(parts, key=lambda r: (r["last_at"], r["part"]))["close"],
    }


def cell(story: Story, interval: str) -> str:
    row, final = story.written[interval], story.final[interval]
    how = f"part {final['parts']} begins" if row["revision"] == 1 else f"revision {row['revision']}"
    return f"{row['start']:%d %H:%M}: {how}, {final['ticks']:,} ticks in all"


def table() -> str:
    rows = []
    for name, by in LATE.items():
        story = told(by)
        cells = [name, f"`{story.stored_in}`", f"{story.tick['late_seconds']:g}"]
        rows.append(f"| {' | '.join([*cells, *(cell(story, i) for i in INTERVALS)])} |")
    return "\n".join([*HEAD, *rows])


def test_the_page_says_what_becomes_of_a_late_tick() -> None:
    assert table() in PAGE.read_text(), f"put into {PAGE.name}:\n{table()}"


@pytest.mark.parametrize("name", LATE)
def test_a_late_tick_is_in_the_final_bars_of_its_own_windows(name: str) -> None:
    story = told(LATE[name])
    assert story.rejects == 0
    assert story.tick["timestamp"] == story.late
    assert {i: bar["high"] for i, bar in story.final.items()} == dict.fromkeys(INTERVALS, 250.0)


@pytest.mark.parametrize("name", LATE)
def test_it_counts_once_and_moves_no_close_of_a_newer_tick(name: str) -> None:
    story = told(LATE[name])
    for bar in story.final.values():
        assert bar["volume"] == 10 * bar["ticks"]
        assert bar["close"] == 100.0
