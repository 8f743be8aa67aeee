"""What happens to a tick that comes late: the table in docs/windows.md is written from here."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kcl_app.core.columns import Columns, text
from kcl_app.core.flow import Flow
from kcl_app.core.live import Watermark
from tests.core.tape import at, merged, micros, prices, rules

PAGE = Path(__file__).parents[2] / "docs" / "windows.md"
HOURS = 30
LATE = {"1 s": 1, "1 min": 60, "1 h": 3_600, "1 day": 86_400}
HEAD = """\
| late by | `late_seconds` | 1m bar in lake | 1d bar in lake | live 1m | live 1d | adds up |
|---|---|---|---|---|---|---|"""


def minutes(first: int, last: int) -> Columns:
    """A tick a minute, 30 s into it."""
    proto, count = prices(1.0, volume=10), last - first
    moments = micros(at(seconds=30)) + np.arange(first, last) * 60_000_000
    places = text([str(10**20 + n) for n in range(first, last)])
    repeated = proto.take(np.zeros(count, dtype=np.int64))
    return repeated.having(timestamp=moments, sequence=places)


def row(name: str, seconds: int) -> str:
    """A line of the table: what a tick so late meets after 30 hours of one a minute."""
    road = Flow("shard-0", replace(rules("1m", "1d"), watermark=Watermark(5_000_000, 10**12)))
    written: dict[str, list[Columns]] = {"1m": [], "1d": []}
    for cut in [*np.array_split(np.arange(HOURS * 60), HOURS * 2)]:
        close(road, minutes(int(cut[0]), int(cut[-1]) + 1), written)
    following = minutes(HOURS * 60, HOURS * 60 + 1)
    late = following.having(timestamp=following["timestamp"] - (seconds + 60) * 1_000_000)
    before = {name: merged(Columns.joined(rows)) for name, rows in written.items()}
    fed = close(road, late, written)
    cells = [name, f"{fed.ticks['late_seconds'][0]:g}"]
    cells += [met(rows[-1]) for rows in written.values()]
    cells += [heard(fed, "1m"), heard(fed, "1d"), adds_up(before, written)]
    return f"| {' | '.join(cells)} |"


def close(road: Flow, ticks: Columns, written: dict[str, list[Columns]]) -> Any:
    fed = road.feed(ticks)
    for name, rows in road.close(fed.ticks).items():
        written[name].append(rows)
    return fed


def met(rows: Columns) -> str:
    """What the late tick's cut wrote."""
    (revision,), (count,) = rows["revision"].tolist(), rows["ticks"].tolist()
    return f"revision {revision}" if revision > 1 else f"a part of its own, {count} tick"


def heard(fed: Any, interval: str) -> str:
    if interval in fed.live.closed:
        return "closed again"
    return "open, changes" if interval in fed.live.current else "not told"


def adds_up(before: dict[str, Any], written: dict[str, list[Columns]]) -> str:
    """Whether final bars hold one tick and 10 shares more than without it."""
    for name, bars in before.items():
        after = merged(Columns.joined(written[name]))
        more = [sum(bar[6] for bar in some.values()) for some in (bars, after)]
        shares = [sum(bar[4] for bar in some.values()) for some in (bars, after)]
        if (more[1] - more[0], shares[1] - shares[0]) != (1, 10) or after.keys() != bars.keys():
            return "no"
    return "yes"


def table() -> str:
    return "\n".join([HEAD, *(row(name, seconds) for name, seconds in LATE.items())])


def test_the_page_says_what_happens_to_a_late_tick() -> None:
    assert table() in PAGE.read_text(), f"put into {PAGE.name}:\n{table()}"


def test_a_late_tick_adds_up_however_late() -> None:
    assert all(line.endswith("| yes |") for line in table().splitlines()[2:])
