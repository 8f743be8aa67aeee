"""Raw JSON objects as the origin: one shard, positions are running numbers from 1.

Rules:
1. Objects come in the order of their names, their records in the order of their lines.
2. A record's bytes go to the decoder as they are. What it refuses is a reject, never an
   error: only bytes that can't be unpacked, or have no end, stop the backfill.
3. A record keeps the id that its producer gave it. One without has its place for a name,
   ``raw/NAME#LINE``, the same at every reading and wherever the objects lie.
4. Arrivals are made of event times, as those of files are.
5. The objects have an end, and so has the shard.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from kcl_app.core.columns import Array
from kcl_app.core.event_time import UNKNOWN, instants
from kcl_app.core.payload import ALIASES, parse
from kcl_app.core.position import Position
from kcl_app.core.raw import LONGEST_TEXT, Raw
from replay.arrivals import Arrivals
from replay.files import SHARD
from replay.ids import Ids
from replay.jsonvalues import TooLong, Value, values
from replay.named import NamedRecords
from replay.objects import Object, Place, contents, digest
from replay.origin import ReplayError
from replay.unpacked import NotReadable, unpacked
from verify.manifest import RAW, reject_id

CALL = 10_000
"""Records of a call, as the KCL gives at most."""


@dataclass
class RawOrigin:
    """``years`` are the market's. ``ids``, where it is set, notes every record before it goes
    on, and is closed at the end. Raises ReplayError where there is no object."""

    place: Place
    years: tuple[int, int]
    ids: Ids | None = None

    def __post_init__(self) -> None:
        self._digest, self._objects = digest(self.place.list())
        if not self._objects:
            raise ReplayError(f"{self.place.url}: no lake and no object of raw JSON is there")

    @property
    def name(self) -> str:
        return f"{self._objects} raw objects of {self.place.url} ({self._digest})"

    @property
    def run(self) -> str:
        """What the manifest is called."""
        return f"raw-{self._digest}"

    def total(self) -> int | None:
        return None

    def shards(self) -> Sequence[str]:
        return (SHARD,)

    def parents(self, shard: str) -> Sequence[str]:
        return ()

    def ended(self, shard: str) -> bool:
        return True

    def read(self, shard: str, after: Position | None) -> Iterator[NamedRecords]:
        """From the first object on, whatever ``after`` says: arrivals come from those before."""
        begun = int(after.sequence) if after else 0
        done, reached = 0, Arrivals(self.years)
        for names, data in self._calls():
            lines = _Lines(data, names)
            arrivals = reached.of(lines.times)
            numbers = [str(number) for number in range(done + 1, done + len(data) + 1)]
            done += len(data)
            if self.ids is not None:
                self.ids.note(lines.ids, lines.symbols, arrivals)
            if done > begun:
                millis = (arrivals // 1000).tolist()
                yield NamedRecords(numbers, [0] * len(data), millis, names, data)
        if self.ids is not None:
            self.ids.close()

    def _calls(self) -> Iterator[tuple[list[str], list[bytes]]]:
        """(names, bytes) of the records, ``CALL`` at a time."""
        names: list[str] = []
        data: list[bytes] = []
        for found, blocks in contents(self.place):
            lead = name_of(found.name)
            for some in self._values(found, blocks):
                names += [f"{lead}#{value.name}" for value in some]
                data += [value.data for value in some]
                while len(data) >= CALL:
                    yield names[:CALL], data[:CALL]
                    names, data = names[CALL:], data[CALL:]
        if data:
            yield names, data

    def _values(self, found: Object, blocks: Iterator[bytes]) -> Iterator[list[Value]]:
        try:
            yield from values(unpacked(blocks))
        except (NotReadable, TooLong) as wrong:
            raise ReplayError(f"{self.place.url}: {found.name} {wrong}") from wrong


def name_of(name: str) -> str:
    """What the ids of an object's records begin with; a long name is told by its digest."""
    if len(RAW) + len(name) + len("#1234567890.123456") <= LONGEST_TEXT and name.isprintable():
        return RAW + name
    return RAW + hashlib.blake2b(name.encode(), digest_size=16).hexdigest()


class _Lines:
    """What is known of records before they are decoded: times, ids and symbols."""

    def __init__(self, data: Sequence[bytes], names: Sequence[str]) -> None:
        parsed = parse(data)
        raw = Raw(parsed.payloads)
        good = range(len(data)) if parsed.good is None else parsed.good
        self.times: Array = np.full(len(data), UNKNOWN)
        self.times[list(good)] = raw.at
        self.symbols = [""] * len(data)
        self.ids = list(names)
        for at, name, symbol in zip(good, raw.id, raw.symbol, strict=True):
            self.ids[at] = names[at] if name is None else name
            self.symbols[at] = symbol or ""
        bad = sorted(parsed.bad)
        for at in bad:
            self.ids[at] = reject_id(data[at]) or names[at]
        if bad:
            self.times[bad] = instants([_time(data[at]) for at in bad])


def _time(line: bytes) -> object:
    """The time of a record that the decoder will refuse for something else; None without."""
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    fields = found if isinstance(found, dict) else {}
    told = (fields.get(name) for name in ALIASES["timestamp"])
    return next((time for time in told if time is not None), None)
