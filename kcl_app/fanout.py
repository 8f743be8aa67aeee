"""A shard's sinks, written in the order of the configuration.

``hot`` is for sinks with ``when="batch"``, ``cold`` for those with ``when="cut"``.
Both return when every such sink has the batch. Retry waits, within bounds, and
offers the same batch again; refused rows are kept as dead letters, and count as
written; anything else leaves as it is, and the shard replays.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from kcl_app import dead_letter
from kcl_app.core.contract import Batch, Refused, Retry, Sink, When
from kcl_app.core.store import Store


class Sinks(Protocol):
    """What a processor needs of a fan-out: durable when it returns."""

    def open(self) -> None: ...
    def hot(self, batch: Batch) -> None: ...
    def cold(self, batch: Batch) -> None: ...
    def close(self) -> None: ...


class SinkFailed(Exception):
    """A sink could not be opened, or asked for more time than there is. Names it, and says why."""


@dataclass
class Fanout:
    """``sinks`` by name, in writing order, as ``plugins.build`` gives them.

    ``patience_s`` bounds what one batch may wait, at all sinks together, and must stay
    below the daemon's limit for a silent child; ``offers`` bounds how often one sink
    is offered it. ``hot`` and ``cold`` may run on two
    threads: no sink belongs to both.
    """

    sinks: Mapping[str, Sink]
    store: Store
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    patience_s: float = 120
    offers: int = 50

    def open(self) -> None:
        """Open all in order. Raises SinkFailed naming the first that can't; the rest are closed."""
        with contextlib.ExitStack() as opened:
            for name, sink in self.sinks.items():
                try:
                    sink.open()
                except Exception as wrong:
                    raise SinkFailed(
                        f"sink {name} could not be opened: {wrong or type(wrong).__name__}"
                    ) from wrong
                opened.callback(sink.close)
            opened.pop_all()

    def hot(self, batch: Batch) -> None:
        """Write a KCL call's batch to the sinks that want every one."""
        self._write("batch", batch)

    def cold(self, batch: Batch) -> None:
        """Write a whole cut, whose record stands, to the sinks that want cuts."""
        self._write("cut", batch)

    def close(self) -> None:
        """Close all, the last first, also where one fails; then its error is raised."""
        with contextlib.ExitStack() as closing:
            for sink in self.sinks.values():
                closing.callback(sink.close)

    def _write(self, when: When, batch: Batch) -> None:
        began = self.now()
        for name, sink in self.sinks.items():
            if sink.when == when:
                self._offer(name, sink, batch, began)

    def _offer(self, name: str, sink: Sink, batch: Batch, began: float) -> None:
        for offer in range(1, self.offers + 1):
            try:
                return sink.write(batch)
            except Refused as refused:
                if refused.rows:
                    dead_letter.keep(self.store, name, batch, refused)
                return
            except Retry as later:
                self._wait(name, later, offer, self.now() - began)

    def _wait(self, name: str, later: Retry, offer: int, waited: float) -> None:
        """Sleep as long as the sink asks. Raises SinkFailed where that is past the bounds."""
        if offer == self.offers or waited + later.after_s > self.patience_s:
            raise SinkFailed(
                f"sink {name} still cannot write after {offer} offers, {waited:.0f} s into the "
                f"batch ({later.why or 'it gave no reason'}); nothing is lost: the worker starts "
                "again from its checkpoint"
            ) from later
        self.sleep(max(later.after_s, 0.0))
