"""One worker at a time on one shard, in this thread: for faults at one chosen place."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

from kcl_app.core.position import Position
from kcl_app.opencut import Limits
from kcl_app.pace import Pace
from kcl_app.processor import ShardProcessor
from tests.schedules.lake import GatedSinks, GatedStore, Lake
from tests.schedules.play import DECODER, LIFE, RULES
from tests.schedules.shard import Call, Checkpointer, Shard, initialize, tape


class AtOnce(Executor):
    """Does the work before it returns."""

    def submit(self, work: Any, /, *given: Any, **named: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*given, **named))
        except Exception as error:
            done.set_exception(error)
        return done


@dataclass
class Failing:
    """A gate that raises ``error`` at calls that begin with ``at``, ``times`` times."""

    at: str = "nothing"
    error: BaseException = field(default_factory=OSError)
    times: int = 1_000
    passed: list[str] = field(default_factory=list)

    def __call__(self, call: str) -> None:
        if call.startswith(self.at) and self.times:
            self.times -= 1
            raise self.error
        self.passed.append(call)


@dataclass
class Desk:
    """A lake, a shard of ``records``, and a clock that only the test moves."""

    records: int = 24
    lake: Lake = field(default_factory=Lake)
    clock: float = 0.0
    cut_records: int = 8
    checkpoint_cuts: int = 1
    gate: Failing = field(default_factory=Failing)
    slept: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shard = Shard(tape(self.records))

    def worker(self, **parts: Any) -> ShardProcessor:
        """A worker that has taken the shard at its checkpoint."""
        self.shard.owner = self  # type: ignore[assignment]
        self.checkpointer = Checkpointer(self.shard, self)  # type: ignore[arg-type]
        given: dict[str, Any] = {
            "store": GatedStore(self.lake, self.gate),
            "sinks": GatedSinks(self.lake, self.gate),
            "decoder": DECODER,
            "rules": RULES,
            "life": LIFE,
            "writer": AtOnce(),
            "now": lambda: self.clock,
            "sleep": self.slept.append,
            "limits": Limits(records=self.cut_records),
            "pace": Pace(checkpoint_cuts=self.checkpoint_cuts),
        }
        processor = ShardProcessor(**{**given, **parts})
        processor.initialize(initialize(self.shard, self.checkpointer))
        return processor

    def call(self, start: int = 0, stop: int = 0, behind: int = 0) -> Call:
        """A callback's input: records ``start`` to ``stop`` of the tape."""
        records = self.shard.records.slice(start, stop)
        return Call(self.checkpointer, records, millis_behind_latest=behind)

    def at(self, index: int) -> Position:
        return self.shard.records.position(index)
