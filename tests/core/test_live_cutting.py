"""What hot sinks hear follows from the calls alone: restarts and the host's clock have no say."""

from dataclasses import replace
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from kcl_app.core.columns import Columns
from kcl_app.core.flow import Flow
from kcl_app.core.live import Watermark
from tests.core.tape import bits, cuttings, placed_at, rules, tapes

RULES = replace(rules("1m", "gap5m"), watermark=Watermark(5_000_000, 60_000_000))


def told(kind: Any, tape: Columns, cuts: Any, restart: bool) -> Any:
    """All bars told by each call, a restart behind each where wanted."""
    road, said = kind("shard-0", RULES), []
    for a, b in pairwise([0, *cuts, tape.size]):
        live = road.feed(tape.slice(a, b)).live
        for rows in (live.current, live.closed):
            said.append({name: bits(bars) for name, bars in rows.items()})
        road = kind.restore("shard-0", RULES, [road.snapshot()]) if restart else road
    return said


@given(tapes(), cuttings())
def test_a_restart_changes_nothing_of_what_is_told(tape: Any, shares: Any) -> None:
    cuts = placed_at(tape, shares)
    assert told(Flow, tape, cuts, True) == told(Flow, tape, cuts, False)


class Unsaved(Flow):
    """Broken: its snapshot lacks the newest event times."""

    def snapshot(self) -> Any:
        half = self.copy()
        half._state["live.newest"][:] = -(2**63)
        return Flow.snapshot(half)


class Retold(Flow):
    """Broken: its snapshot lacks what was told as closed."""

    def snapshot(self) -> Any:
        half = self.copy()
        half._state["live.1m.told_start"][:] = -(2**63)
        return Flow.snapshot(half)


class WallClock(Flow):
    """Broken: symbols are idle by the host's clock."""

    clock = count(1_738_333_800_000_000, 45_000_000)

    def _hear(self, slots: Any, ticks: Any, arrival: Any) -> Any:
        return super()._hear(slots, ticks, next(self.clock))


@pytest.mark.parametrize("broken", [Unsaved, Retold, WallClock])
def test_the_property_catches_a_broken_watermark(broken: Any) -> None:
    def differs(kind: Any, case: Any) -> bool:
        cuts = placed_at(*case)
        return bool(told(kind, case[0], cuts, True) != told(Flow, case[0], cuts, False))

    case = find(
        st.tuples(tapes(2, 60), cuttings()),
        lambda case: differs(broken, case),
        settings=settings(max_examples=1000, derandomize=True, phases=[Phase.generate]),
    )
    assert not differs(Flow, case)
