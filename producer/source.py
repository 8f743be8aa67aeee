"""What a source of ticks is. Plugin authors import the contract from here.

Rules:
1. A source is a dataclass whose fields are its settings. It is found by its entry
   point in the group ``tapeline.sources``: ``mine = acme:MySource``.
2. ``batches`` yields ticks in the order they shall reach the stream, which within
   a symbol is event-time order unless the market itself was late.
3. A source neither paces nor retries nor publishes: it says when a tick happened,
   and the publisher does the rest. Ticks that were yielded are published, also
   after Ctrl-C.
4. ``SourceError`` is a sentence for the user that names what is wrong with the
   input. What was yielded before it is published all the same.

A whole source::

    @dataclass
    class Dice(Source):
        sides: int = 6

        def batches(self) -> Iterator[Ticks]:
            for second in range(100):
                price = 1 + second % self.sides
                yield Ticks.of([{"symbol": "DICE", "timestamp": second * 1_000_000_000_000,
                                 "price": price}])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from importlib.metadata import entry_points
from typing import Any, ClassVar, get_origin, get_type_hints

import msgspec

from kcl_app.core.columns import Array
from producer.clock import Clock
from producer.times import microseconds

GROUP = "tapeline.sources"


class SourceError(Exception):
    """The input cannot be read, or a setting is wrong. One sentence: where, what, remedy."""


@dataclass(frozen=True, slots=True)
class Ticks:
    """Rows to publish, in this order.

    ``rows`` are JSON objects in the fields of a tick; each has ``symbol``, by which
    the stream keeps order. ``times`` are their event times in microseconds since
    1970 (int64): what pacing goes by and the manifest notes.
    """

    rows: Sequence[Mapping[str, Any]]
    times: Array

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.times):
            raise ValueError(f"{len(self.rows)} rows but {len(self.times)} times")

    def __len__(self) -> int:
        return len(self.rows)

    def slice(self, start: int, stop: int) -> Ticks:
        return Ticks(self.rows[start:stop], self.times[start:stop])

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Ticks:
        """Ticks of rows whose ``timestamp`` is a datetime, ISO text or an epoch number."""
        return cls(rows, microseconds([row["timestamp"] for row in rows]))


def _silent(sentence: str) -> None:
    pass


@dataclass
class Source:
    """Where ticks come from. Subclass as a dataclass: its fields are the settings.

    ``live`` sources make their ticks as they happen: they are never paced, and end
    by Ctrl-C. They wait with ``self.clock.wait``, which returns early when asked to
    stop, look at ``self.clock.stopped()``, and may yield an empty ``Ticks`` so that
    the publisher can note what it has. ``clock``, and ``say`` for a sentence to the user,
    are set before ``batches`` is called.
    """

    live: ClassVar[bool] = False
    clock: Clock = field(default_factory=Clock, init=False, repr=False, compare=False)
    say: Callable[[str], None] = field(
        default_factory=lambda: _silent, init=False, repr=False, compare=False
    )

    def batches(self) -> Iterator[Ticks]:
        """Ticks in batches of at most some 10,000 rows. Called once.

        Its ``finally`` runs when the source is read to its end or left early.
        """
        raise NotImplementedError

    def total(self) -> int | None:
        """How many ticks will come, where that is known."""
        return None


def names() -> list[str]:
    """The sources installed here."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def find(name: str) -> type[Source]:
    """The class behind a name. SourceError lists the known names, or says why it won't load."""
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not found:
        raise SourceError(f"no source is called {name}; installed: {', '.join(names())}")
    try:
        source = found[0].load()
    except Exception as wrong:
        raise SourceError(f"source {name} ({found[0].value}) does not load: {wrong}") from wrong
    if not (isinstance(source, type) and issubclass(source, Source) and is_dataclass(source)):
        raise SourceError(
            f"source {name} ({found[0].value}) is no dataclass of producer.source.Source"
        )
    return source


def settings_of(source: type[Source]) -> list[str]:
    """The names of a source's settings."""
    return [f.name for f in fields(source) if f.init]


def build(source: type[Source], given: Mapping[str, Any]) -> Source:
    """A source with settings as text or values. SourceError names the setting that is wrong."""
    known = settings_of(source)
    for name in given:
        if name not in known:
            raise SourceError(f"{name} is no setting; known: {', '.join(known) or 'none'}")
    try:
        return source(**{n: _typed(source, n, value) for n, value in given.items()})
    except TypeError as wrong:
        raise SourceError(f"{source.__name__}: {wrong}") from None


def _typed(source: type[Source], name: str, value: Any) -> Any:
    wanted = get_type_hints(source)[name]
    if isinstance(value, str) and get_origin(wanted) in (list, tuple):
        value = [part.strip() for part in value.split(",") if part.strip()]
    try:
        return msgspec.convert(value, wanted, strict=False)
    except msgspec.ValidationError as wrong:
        raise SourceError(f"{name} = {value!r}: {wrong}") from None
