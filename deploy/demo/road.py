"""The whole road, once: AWS, stack, ticks in, worker, answers, alerts, proof.

Rules:
1. Everything on it is the real part: nothing here stores, flags or counts by itself.
2. What may run side by side does: ticks are put while the KCL takes its leases, and
   questions are asked while the worker stops.
3. It ends when all that was put is stored and checkpointed. It waits as long as
   something moves, and for ``PATIENCE_S`` while nothing does.
4. Whatever happens, the worker is gone before its AWS is, and both before it returns.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from athena.engines import engine
from config.site import Site
from deploy.demo import injected, malformed
from deploy.demo.figures import Gauge
from deploy.demo.ground import Ground
from deploy.demo.inbox import Inbox
from deploy.demo.outcome import Outcome
from deploy.demo.progress import Progress
from deploy.demo.questions import FIVE, ask
from deploy.demo.signals import Signals
from glue.plan import apply, plan
from glue.stack import resources
from kcl_app.jvm import find, kill_group
from kcl_app.worker import Worker
from producer.clock import Clock
from producer.produce import produce
from producer.publish import Summary
from producer.source import Source
from verify import report

PHASES = ("local AWS", "stack", "produce", "lease", "store", "ask", "stop", "verify")
PATIENCE_S = 120.0
STOP_S = 60.0
LETTERS_S = 10.0
"""How long an alert that SNS has taken may need to its queue."""
LOOK_S = 0.5
"""How often figures are read: a few small requests of an AWS that has work to do."""
TRUTH = "truth.jsonl"


class DemoError(Exception):
    """The road ended early. The text says where and why."""


@dataclass
class Road:
    """``make_source`` gives the ticks, and may write its truth to TRUTH in the folder given.

    ``strangers`` also puts malformed records on the stream, as others would.
    """

    ground: Ground
    make_source: Callable[[Path], Source]
    progress: Progress
    signals: Signals
    strangers: bool = True
    sleep: Callable[[float], object] = field(default=time.sleep)
    now: Callable[[], float] = field(default=time.monotonic)

    def run(self) -> Outcome:
        """Raises DemoError, and whatever a part raises that cannot do its work."""
        with self.ground.folder() as folder:
            self.progress.folder = folder
            source = self.make_source(folder)
            with self._aws(folder) as endpoint_url:
                return self._drive(self.ground.site(endpoint_url, folder), folder, source)

    def _drive(self, site: Site, folder: Path, source: Source) -> Outcome:
        inbox = self._stack(site)
        with self._worker(site, folder) as worker, self._producing(site, source) as producing:
            self._consume(Gauge(site), inbox, worker, producing)
            self.progress.begin("stop")
            worker.terminate()
            asked = self._ask(site, folder)
            self._stopped(worker)
        published = self._letters(inbox)
        with self.progress.phase("verify"):
            proven = report(site)
        return Outcome(
            **asked,
            produced=producing.result(),
            malformed=self.progress.foreign,
            figures=self.progress.figures,
            inbox=inbox,
            published=published,
            report=proven,
            timings=self.progress.timings(),
            endpoint_url=site.settings.endpoint_url,
        )

    # --- what is started, and ended -------------------------------------------------

    @contextmanager
    def _aws(self, folder: Path) -> Iterator[str]:
        """A local AWS; one that is to stay is ended only where the road is interrupted."""
        with self.progress.phase("local AWS") as phase, self.signals.shelter():
            aws = self.ground.start(folder)
            phase.said = aws.endpoint_url
        ends = True
        try:
            yield aws.endpoint_url
            ends = not self.ground.keep
        except Exception:
            ends = not self.ground.keep
            raise
        finally:
            self.signals.ending()
            if ends:
                self.ground.end(aws)

    @contextmanager
    def _worker(self, site: Site, folder: Path) -> Iterator[Worker]:
        """A running worker; gone, with all it started, at the end."""
        with (folder / "worker.log").open("ab") as said:
            worker = Worker(site.settings, seed_leases=True, stderr=said)
            with self.signals.shelter():
                self.progress.begin("lease")
                worker.start()
                self.signals.hurry(worker.terminate)
            try:
                yield worker
            finally:
                with self.signals.shelter():
                    _end(worker)

    @contextmanager
    def _producing(self, site: Site, source: Source) -> Iterator[Future[Summary]]:
        """Ticks on their way to the stream; asked to stop at the end, and waited for."""
        stop = threading.Event()
        clock = Clock(wait=stop.wait, stopped=stop.is_set)
        pool = ThreadPoolExecutor(1, "produce")
        try:
            yield pool.submit(self._produce, site, source, clock)
        finally:
            with self.signals.shelter():
                stop.set()
                pool.shutdown()

    # --- the road -------------------------------------------------------------------

    def _stack(self, site: Site) -> Inbox:
        with self.progress.phase("stack") as phase:
            steps = list(apply(list(plan(resources(site)))))
            inbox = Inbox(site)
            inbox.open()
            phase.said = f"{len(steps)} resources, and a queue for the alerts"
        return inbox

    def _produce(self, site: Site, source: Source, clock: Clock) -> Summary:
        """In a thread of its own."""
        self.progress.total = source.total()
        with self.progress.phase("produce") as phase:
            summary = produce(site, source, clock=clock, progress=self._acknowledged)
            self.progress.produced = summary.ticks
            phase.said = f"{summary.ticks:,} ticks in {summary.records:,} records"
            if self.strangers:
                self.progress.foreign = malformed.send(site)
                phase.said += f", and {self.progress.foreign} malformed ones"
        return summary

    def _acknowledged(self, summary: Summary) -> None:
        self.progress.produced = summary.ticks
        self.progress.told()

    def _consume(
        self, gauge: Gauge, inbox: Inbox, worker: Worker, producing: Future[Summary]
    ) -> None:
        """Look on until all that was put is stored and checkpointed. Raises DemoError."""
        moved, before = self.now(), self._standing()
        while not (self._look(gauge, inbox) and producing.done()):
            if producing.done() and not producing.result().ticks + self.progress.foreign:
                raise DemoError("there was no tick to put on the stream")
            if not worker.is_alive:
                raise DemoError(f"the worker gave up: {worker.last_words}")
            if self._standing() != before:
                moved, before = self.now(), self._standing()
            elif self.now() - moved > PATIENCE_S:
                raise DemoError(self._stuck(worker))
            self.sleep(LOOK_S)
        figures = self.progress.figures
        self.progress.waiting = ""
        self.progress.end("store", f"{figures.stored:,} ticks in {figures.cuts} cuts")

    def _look(self, gauge: Gauge, inbox: Inbox) -> bool:
        """Read the figures. True where nothing on the stream is left to do."""
        progress = self.progress
        before, progress.figures = progress.figures, gauge.read()
        inbox.empty()
        progress.alerts = inbox.received
        progress.waiting = progress.figures.waits_for
        if progress.figures.begun and not before.begun:
            progress.end("lease", f"{progress.figures.shards} shards")
            progress.begin("store")
        progress.told()
        return progress.figures.begun and not progress.lag

    def _standing(self) -> tuple[Any, ...]:
        return self.progress.figures, self.progress.produced, self.progress.alerts

    def _stuck(self, worker: Worker) -> str:
        words = worker.last_words or "nothing"
        return (
            f"nothing has moved for {PATIENCE_S:g} s, and {self.progress.lag:,} records are not "
            f"stored; the worker's last words: {words}"
        )

    def _ask(self, site: Site, folder: Path) -> dict[str, Any]:
        with self.progress.phase("ask") as phase:
            asked = engine(site)
            answers = {name: ask(site, asked, name) for name in FIVE}
            truth = folder / TRUTH
            anomalies = injected.read(truth) if truth.exists() else []
            phase.said = f"{len(answers)} questions"
            return {
                "answers": answers,
                "refused": ask(site, asked, "rejects_by_reason"),
                "flags": ask(site, asked, "anomalies_by_kind"),
                "injected": injected.found(asked, anomalies),
            }

    def _stopped(self, worker: Worker) -> None:
        """Wait for a worker that was asked to stop. Raises DemoError where it didn't, well."""
        try:
            code = worker.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise DemoError(f"the worker did not stop within {STOP_S:g} s") from None
        if code:
            raise DemoError(f"the worker ended with {code}: {worker.last_words}")
        self.progress.end("stop", "gracefully")

    def _letters(self, inbox: Inbox) -> int:
        """Wait for the alerts that SNS has taken; returns how many it has."""
        published = inbox.published()
        until = self.now() + LETTERS_S
        inbox.empty()
        while inbox.received < published and self.now() < until:
            self.sleep(LOOK_S)
            inbox.empty()
        self.progress.alerts = inbox.received
        return published


def _end(worker: Worker) -> None:
    """End the worker now; one that has stopped already is left as it is."""
    worker.terminate()
    with suppress(subprocess.TimeoutExpired):
        worker.wait(1)
    worker.stop()  # a second request kills
    if (orphan := find(worker.folder.properties)) is not None:  # its launcher was killed
        kill_group(orphan)
