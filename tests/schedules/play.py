"""Plays one drawn schedule through the real processor, then lets sound workers finish."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

from kcl_app.core.decode import Decoder
from kcl_app.core.flow import Rules
from kcl_app.core.windows import window
from kcl_app.detect.rules import ChangeRule, TrendRule, ZScoreRule
from kcl_app.opencut import Limits
from kcl_app.pace import Pace
from kcl_app.processor import ShardProcessor
from tests.schedules.lake import GatedSinks, GatedStore, Lake
from tests.schedules.shard import (
    REFUSALS,
    Call,
    Checkpointer,
    Shard,
    family,
    initialize,
    tape,
)
from tests.schedules.stage import Actor

ALL = 0
LIFE, NEXT_LIFE = "abcd1234", "efgh5678"
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


class Broken(Exception):
    """A store, a sink or the network failed past its retries: an error, hence a crash."""


@dataclass
class Stage:
    """A stream, a lake, and all workers that ever had one of its shards.

    ``fails`` is the chance that a call fails; ``anew`` whether a new life may begin.
    ``symbols`` are the bounds that workers have on the symbols in memory; none, and all stay.
    """

    draw: Random
    records: int = 24
    make: Callable[..., ShardProcessor] = ShardProcessor
    shape: str = "one"
    fails: float = 0.0
    anew: bool = False
    symbols: tuple[int, ...] = ()
    lake: Lake = field(default_factory=Lake)
    clock: float = 0.0
    life: str = LIFE

    def __post_init__(self) -> None:
        self.tape = tape(self.records, 3 if self.symbols else 1)
        self.old: list[Shard] = []
        self.errors: list[BaseException] = []
        self._begin()

    def _begin(self) -> None:
        self.shards = family(self.shape, self.tape)
        for shard in self.shards:
            shard.refuse = self._refusal

    def play(self, steps: int) -> None:
        """Draw ``steps`` moves; then everyone else is gone and sound workers finish."""
        new_life = self.draw.randrange(steps) if self.anew else -1
        for step in range(steps):
            if step == new_life:
                self._begin_new_life()
            self._move()
        for shard in (*self.old, *self.shards):
            self._end_all(shard)
        self.fails = 0
        for shard in self.shards:
            self.finish(shard)

    def finish(self, shard: Shard) -> None:
        """A sound worker alone, until the shard is done. More than a few tries is a failure."""
        for _ in range(3):
            if shard.ended:
                return
            self._start(shard, calm=True)
            owner = shard.owner
            assert owner is not None
            while not owner.done:
                owner.go()
            self._end_owner(shard)
        assert shard.ended, [repr(error) for error in self.errors]

    def _begin_new_life(self) -> None:
        """Another prefix and lease table; who worked on the old life goes on as a zombie."""
        for shard in self.shards:
            if shard.owner is not None:
                shard.zombies.append(shard.owner)
                shard.owner = None
        self.old, self.life = self.shards, NEXT_LIFE
        self._begin()

    # --- one move ------------------------------------------------------------------

    def _move(self) -> None:
        shard = self.draw.choice(self._open())
        owner = shard.owner
        if owner is None or owner.done:
            self._end_owner(shard)
            if shard in self.shards and not shard.ended:
                self._start(shard)
            elif shard.zombies:
                self._move_zombie(shard)
            return
        roll = self.draw.random()
        if roll < 0.02:
            self._end_owner(shard)
        elif roll < 0.07 and len(shard.zombies) < 3 and not shard.ended:
            shard.zombies.append(owner)
            self._start(shard)
        elif roll < 0.10 + 0.2 * len(shard.zombies) and shard.zombies:
            self._move_zombie(shard)
        else:
            owner.go()

    def _open(self) -> list[Shard]:
        """Shards to be worked on: the KCL gives out a child when its parents have ended."""
        ended = {shard.name for shard in self.shards if shard.ended}
        open_ = [s for s in self.shards if not s.ended and ended.issuperset(s.parents)]
        return open_ + [s for s in (*self.old, *self.shards) if s.zombies] or self.shards

    def _move_zombie(self, shard: Shard) -> None:
        zombie = self.draw.choice(shard.zombies)
        if self.draw.random() < 0.03:
            zombie.kill()
        zombie.go()
        if zombie.done:
            shard.zombies.remove(zombie)
            self._note(zombie, owned=False)

    def _end_owner(self, shard: Shard) -> None:
        if shard.owner is not None:
            shard.owner.kill()
            self._note(shard.owner, owned=True)
            shard.owner = None

    def _end_all(self, shard: Shard) -> None:
        for zombie in shard.zombies:
            zombie.kill()
        shard.zombies.clear()
        self._end_owner(shard)

    def _note(self, actor: Actor, owned: bool) -> None:
        """Keep an error, unless it is one that must happen."""
        error = actor.error
        slept = not owned and "has gone on with the shard" in str(error)
        drawn = isinstance(error, Broken) or "InvalidStateException" in str(error)
        if error is not None and not slept and not drawn:
            self.errors.append(error)

    # --- one worker ----------------------------------------------------------------

    def _start(self, shard: Shard, calm: bool = False) -> None:
        draw, life = Random(self.draw.random()), self.life
        shard.owner = Actor(lambda actor: self._work(shard, life, actor, draw, calm))

    def _work(self, shard: Shard, life: str, actor: Actor, draw: Random, calm: bool) -> None:
        """The daemon's side of one worker's life."""
        processor = self._processor(life, actor, draw)
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

    def _processor(self, life: str, actor: Actor, draw: Random) -> ShardProcessor:
        gate = self._gate(actor, draw)
        return self.make(
            store=GatedStore(self.lake, gate, lambda: draw.random() < self.fails),
            sinks=GatedSinks(self.lake, gate),
            decoder=DECODER,
            rules=RULES,
            life=life,
            writer=Later(draw),
            now=lambda: self.clock,
            sleep=lambda seconds: None,
            limits=self._limits(draw),
            pace=Pace(60, 5, draw.choice((0, 30)), draw.choice((1, 3))),
            parents=self._parents,
            children=self._children,
        )

    def _limits(self, draw: Random) -> Limits:
        limits = Limits(draw.choice((3, 8, 50)), 10_000, draw.choice((1, 2, 32)), ALL)
        return replace(limits, symbols=draw.choice(self.symbols)) if self.symbols else limits

    def _gate(self, actor: Actor, draw: Random) -> Callable[[str], None]:
        def gate(at: str) -> None:
            actor.gate(at)
            if draw.random() < self.fails:
                raise Broken(at)

        return gate

    def _refusal(self) -> str:
        return self.draw.choice(REFUSALS) if self.draw.random() < 3 * self.fails else ""

    def _parents(self, shard: str) -> tuple[str, ...]:
        return next(s.parents for s in self.shards if s.name == shard)

    def _children(self, shard: str) -> list[str]:
        return [s.name for s in self.shards if shard in s.parents]
