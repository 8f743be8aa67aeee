"""What a demo shows while it runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cli.demo_view import Lines, LiveTable
from deploy.demo.figures import Figures
from deploy.demo.progress import Progress
from deploy.demo.road import PHASES


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Stopwatch:
    return Stopwatch()


@pytest.fixture
def progress(watch: Stopwatch) -> Progress:
    progress = Progress.of(*PHASES)
    progress.now = watch
    return progress


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        (Figures(), "the worker, to open the lake"),
        (Figures(life=True), "the KCL, to take its leases: 0 of 0 shards"),
        (Figures(life=True, shards=2, leased=1), "the KCL, to take its leases: 1 of 2 shards"),
        (Figures(life=True, shards=2, leased=2), "the first records"),
        (Figures(life=True, shards=2, leased=2, items=5), ""),
        (Figures(life=True, shards=2, leased=2, cuts=1), ""),
    ],
)
def test_it_says_what_the_first_record_waits_for(figures: Figures, sentence: str) -> None:
    assert figures.waits_for == sentence


def test_lag_counts_what_is_neither_stored_nor_refused_nor_a_repeat(progress: Progress) -> None:
    progress.produced, progress.foreign = 100, 7
    progress.figures = Figures(stored=60, rejects=7, repeats=3)
    assert progress.lag == 37


def test_a_phase_is_timed_from_its_begin_to_its_end(progress: Progress, watch: Stopwatch) -> None:
    with progress.phase("stack") as phase:
        watch.seconds = 2.5
        phase.said = "13 resources"
    watch.seconds = 9.0
    assert progress.timings() == {"stack": 2.5}


def test_lines_say_each_begin_and_end_once(
    progress: Progress, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.told = Lines(progress).tell
    progress.begin("stack")
    progress.told()
    progress.end("stack", "13 resources")
    progress.told()
    assert capsys.readouterr().err.splitlines() == [
        "stream, buckets, tables, topic, catalog ...",
        "stream, buckets, tables, topic, catalog: 0.0 s, 13 resources",
    ]


def test_lines_tell_the_figures_and_the_wait_every_few_seconds(
    progress: Progress, watch: Stopwatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.told = Lines(progress).tell
    watch.seconds = 1.0
    progress.begin("lease")
    progress.waiting = "the first records"
    progress.produced = 1_500
    for watch.seconds in (2.0, 7.0, 8.0):
        progress.told()
    assert capsys.readouterr().err.splitlines() == [
        "the KCL starts and takes its shards ...",
        "waiting for the first records (6 s)",
        "records in 1,500, stored 0, lag 1,500, latest values 0, flags 0, rejects 0, alerts 0",
    ]


def test_the_live_table_shows_the_wait_and_every_figure(
    progress: Progress, watch: Stopwatch
) -> None:
    progress.begin("lease")
    progress.waiting, progress.produced, progress.alerts = "the first records", 1_500, 4
    progress.figures = Figures(stored=1_000, rejects=7, flags=23, items=1_200)
    watch.seconds = 3.2
    shown = Console(file=io.StringIO(), width=120)
    shown.print(LiveTable(progress).render())
    assert isinstance(shown.file, io.StringIO)
    text = shown.file.getvalue()
    assert "3.2 s waiting for the first records" in text
    assert text.splitlines()[-2].split() == ["1,500", "1,000", "493", "1,200", "23", "7", "4"]
