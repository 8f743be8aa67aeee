"""Plays one drawn schedule through the real processor, then lets a sound worker finish."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from kcl_app.core.decode import Decoder
from kcl_app.core.flow import Rules
from kcl_app.core.windows import window
from kcl_app.detect.rules import ChangeRule, TrendRule, ZScoreRule
from kcl_app.opencut import Limits
from kcl_app.processor import Pace, ShardProcessor
from tests.schedules.lake import GatedSinks, GatedStore, Lake
from tests.schedules.shard import Call, Checkpointer, Shard, initialize, tape
from tests.schedules.stage import Actor

LIFE = "abcd1234"
RULES = Rules(
    "America/New_York", (window("1m"), window("1h")), (ChangeRule(), ZScoreRule(2.0), TrendRule())
)
DECODER = Decoder("America/New_York", 1990, 2099)


class Later(Executor):
    """Does the work when the draw says so, or when it is waited for; in the worker's thread."""

    def __init__(self, draw: Random) -> None:
        self.draw = draw

    def submit(self, work: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        return Upload(self.draw, partial(work, *given, **named))


class Upload(Future[Any]):
    def __init__(self, draw: Random, work: Callable[[], Any]) -> None:
        super().__init__()
        self.draw = draw
        self.work = work

    def done(self) -> bool:
        if self.draw.random() < 0.4:
            self.result()
        return super().done()

    def result(self, timeout: float | None = None) -> Any:
        if not super().done():
            self.set_result(self.work())
        return super().result()


@dataclass
class Stage:
    """One shard, one lake, and all workers that ever had the shard."""

    draw: Random
    records: int = 24
    make: Callable[..., ShardProcessor] = ShardProcessor
    lake: Lake = field(default_factory=Lake)
    clock: float = 0.0

    def __post_init__(self) -> None:
        self.shard = Shard(tape(self.records))
        self.zombies: list[Actor] = []
        self.errors: list[BaseException] = []

    def play(self, steps: int) -> None:
        """Draw ``steps`` moves; then everyone else is gone and one worker finishes."""
        for _ in range(steps):
            self._move()
        for zombie in self.zombies:
            zombie.kill()
        self._end_owner()
        self.finish()

    def finish(self) -> None:
        """A sound worker alone, until the shard is done. More than a few tries is a failure."""
        for _ in range(3):
            if self.shard.ended:
                return
            self._start(calm=True)
            owner = self.shard.owner
            assert owner is not None
            while not owner.done:
                owner.go()
            self._end_owner()
        assert self.shard.ended, [repr(error) for error in self.errors]

    def _move(self) -> None:
        owner = self.shard.owner
        if owner is None or owner.done:
            self._end_owner()
            if not self.shard.ended:
                self._start()
            return
        roll = self.draw.random()
        if roll < 0.02:
            self._end_owner()
        elif roll < 0.07 and len(self.zombies) < 3:
            self.zombies.append(owner)
            self._start()
        elif roll < 0.10 + 0.2 * len(self.zombies) and self.zombies:
            self._move_zombie()
        else:
            owner.go()

    def _move_zombie(self) -> None:
        zombie = self.draw.choice(self.zombies)
        if self.draw.random() < 0.03:
            zombie.kill()
        zombie.go()
        if zombie.done:
            self.zombies.remove(zombie)
            self._note(zombie)

    def _end_owner(self) -> None:
        if self.shard.owner is not None:
            self.shard.owner.kill()
            self._note(self.shard.owner)
            self.shard.owner = None

    def _note(self, actor: Actor) -> None:
        if actor.error is not None:
            self.errors.append(actor.error)

    def _start(self, calm: bool = False) -> None:
        self.shard.owner = Actor(lambda actor: self._work(actor, calm))

    def _work(self, actor: Actor, calm: bool) -> None:
        """The daemon's side of one worker's life."""
        shard, draw = self.shard, Random(self.draw.random())
        processor = self._processor(actor, draw)
        checkpointer = Checkpointer(shard, actor)
        at = shard.cursor()
        processor.initialize(initialize(shard, checkpointer))
        while at < len(shard.records) or (not calm and draw.random() < 0.7):
            actor.gate("call")
            self.clock += draw.choice((0, 1, 2, 7, 70))
            if not calm and draw.random() < 0.03:
                processor.shutdown_requested(Call(checkpointer))
                return
            taken = min(at + draw.choice((0, 1, 2, 5, 20)), len(shard.records))
            processor.process_records(Call(checkpointer, shard.records.slice(at, taken)))
            at = taken
            if shard.owner is not actor and draw.random() < 0.05:
                processor.lease_lost(Call(checkpointer))
                return
        processor.shard_ended(Call(checkpointer))

    def _processor(self, actor: Actor, draw: Random) -> ShardProcessor:
        return self.make(
            store=GatedStore(self.lake, actor.gate),
            sinks=GatedSinks(self.lake, actor.gate),
            decoder=DECODER,
            rules=RULES,
            life=LIFE,
            writer=Later(draw),
            now=lambda: self.clock,
            sleep=lambda seconds: None,
            limits=Limits(draw.choice((3, 8, 50)), 10_000, draw.choice((1, 2, 32))),
            pace=Pace(60, 5, draw.choice((0, 30)), draw.choice((1, 3))),
        )
