"""The supervisor over small real programs, without a clock of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.supervise import Backoff, Event, GaveUp, Supervisor, next_event
from tests.daemon.processes import ends

FAMILY = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", '''
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: open(sys.argv[1], "w").close())
print("ready", flush=True)
time.sleep(60)
''', sys.argv[1]], stdout=subprocess.PIPE)
child.stdout.readline()
if sys.argv[2] == "polite":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
else:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(child.pid, flush=True)
time.sleep(60)
"""
"""A program with a child in its group; the child leaves a mark where it gets SIGTERM."""


def program(source: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", source, *arguments], stdout=subprocess.PIPE, start_new_session=True
    )


def spoken(code: int) -> str:
    return f"code {code}"


class Family:
    """Starts FAMILY; ``supervisor`` asks it to stop ``stops`` times once it runs."""

    def __init__(self, mark: Path, manners: str, stops: int, **options: object) -> None:
        self.mark, self.manners, self.stops = mark, manners, stops
        self.supervisor = Supervisor(self._start, spoken, Backoff(), **options)  # type: ignore[arg-type]

    def run(self) -> None:
        self.supervisor.run()

    def _start(self) -> subprocess.Popen[bytes]:
        self.leader = program(FAMILY, str(self.mark), self.manners)
        assert self.leader.stdout
        self.child = int(self.leader.stdout.readline())
        for _ in range(self.stops):
            self.supervisor.stop()
        return self.leader

    @property
    def all_gone(self) -> bool:
        return self.leader.returncode is not None and ends(self.child)


def supervised(
    codes: list[int], backoff: Backoff, stop_after: int = 10**6
) -> tuple[Supervisor, list[float]]:
    """A supervisor of programs that end with ``codes`` in turn, and the delays it waits."""
    delays: list[float] = []

    def start() -> subprocess.Popen[bytes]:
        return program(f"raise SystemExit({codes.pop(0)})")

    def wait(events: SimpleQueue[Event], seconds: float | None) -> Event | None:
        if seconds is None:
            return next_event(events, None)
        delays.append(seconds)
        return Event.STOP if len(delays) >= stop_after else None

    return Supervisor(start, spoken, backoff, 5, wait=wait, now=lambda: 0.0), delays


def test_a_program_that_fails_is_started_again_after_growing_delays() -> None:
    supervisor, delays = supervised([1, 2, 3, 4], Backoff(limit=99), stop_after=4)
    supervisor.run()
    assert delays == [0.5, 1.0, 2.0, 4.0]


def test_too_many_fast_failures_end_it_with_the_last_reason() -> None:
    supervisor, delays = supervised([1, 2, 9], Backoff(limit=3))
    with pytest.raises(GaveUp, match=r"3 times in a row.*code 9"):
        supervisor.run()
    assert len(delays) == 2


def test_an_end_that_nobody_asked_for_is_a_failure_even_with_code_0() -> None:
    supervisor, _ = supervised([0, 0], Backoff(limit=2))
    with pytest.raises(GaveUp, match="code 0"):
        supervisor.run()


@given(st.lists(st.floats(0, 59), max_size=5))
def test_a_good_run_forgets_the_failures_before(fast: list[float]) -> None:
    backoff = Backoff(limit=10)
    for seconds in fast:
        backoff.after(seconds)
    assert backoff.after(60) == backoff.first_s


@given(st.integers(1, 60))
def test_no_delay_exceeds_the_ceiling(failures: int) -> None:
    backoff = Backoff(limit=1000)
    delays = [backoff.after(0) for _ in range(failures)]
    assert all(delay is not None and delay <= backoff.ceiling_s for delay in delays)


def test_sigterm_reaches_the_program_and_not_its_children(tmp_path: Path) -> None:
    family = Family(tmp_path / "mark", "polite", stops=1, grace_s=30)
    family.run()
    assert (family.leader.returncode, family.all_gone) == (143, True)
    assert not (tmp_path / "mark").exists()


def test_asked_twice_it_kills_the_whole_group(tmp_path: Path) -> None:
    family = Family(tmp_path / "mark", "deaf", stops=2, grace_s=30)
    family.run()
    assert (family.leader.returncode, family.all_gone) == (-9, True)


def test_at_the_deadline_it_kills_the_whole_group(tmp_path: Path) -> None:
    clock = iter(range(0, 1000, 10))
    family = Family(tmp_path / "mark", "deaf", stops=1, grace_s=15, now=lambda: next(clock))
    family.run()
    assert (family.leader.returncode, family.all_gone) == (-9, True)


def test_a_stopping_program_with_nothing_left_to_do_is_not_waited_for(tmp_path: Path) -> None:
    family = Family(tmp_path / "mark", "deaf", stops=1, grace_s=30, done=lambda pid: True)
    family.run()
    assert (family.leader.returncode, family.all_gone) == (-9, True)


def test_what_a_failed_program_had_started_does_not_outlive_it(tmp_path: Path) -> None:
    source = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "open(sys.argv[1], 'w').write(str(child.pid))\n"
        "os._exit(7)"
    )
    start: Callable[[], subprocess.Popen[bytes]] = lambda: program(source, str(tmp_path / "pid"))  # noqa: E731
    with pytest.raises(GaveUp):
        Supervisor(start, spoken, Backoff(limit=1), 5).run()
    assert ends(int((tmp_path / "pid").read_text()))


def test_a_program_known_to_be_about_to_fail_is_ended_at_once(tmp_path: Path) -> None:
    def start() -> subprocess.Popen[bytes]:
        supervisor.give_up_on_this_run()
        return program("import time; time.sleep(60)")

    supervisor = Supervisor(start, spoken, Backoff(limit=1), 5)
    with pytest.raises(GaveUp, match="code -9"):
        supervisor.run()


def test_a_late_word_of_failure_does_not_shorten_the_delay(tmp_path: Path) -> None:
    clock = iter([0.0, 0.0, 0.0, 0.0, 0.125, 0.25])
    words = [Event.ENDED, Event.DOOMED, Event.DOOMED, Event.STOP]
    waited: list[float | None] = []

    def wait(events: SimpleQueue[Event], seconds: float | None) -> Event | None:
        waited.append(seconds)
        return words.pop(0)

    def start() -> subprocess.Popen[bytes]:
        return program("raise SystemExit(1)")

    Supervisor(start, spoken, Backoff(), 5, now=lambda: next(clock), wait=wait).run()
    assert waited == [None, 0.5, 0.375, 0.25]


def test_a_stop_between_two_starts_needs_no_third() -> None:
    supervisor, _ = supervised([1], Backoff(), stop_after=1)
    supervisor.run()


def test_a_program_that_cannot_be_started_is_not_tried_again() -> None:
    def missing() -> subprocess.Popen[bytes]:
        return subprocess.Popen([os.devnull + "/java"])

    with pytest.raises(OSError):
        Supervisor(missing, spoken, Backoff(), 5).run()
