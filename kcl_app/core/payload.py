"""One line of JSON to one payload, or the reason why not.

Rules:
1. A record is one JSON object, or many lines of them; blank lines between are skipped.
   Bytes that are no text, and have no object on any line, are one line.
2. A line that fails takes nothing else with it, and says why in a sentence.
3. No exception leaves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

SHOWN = 60
_NUMBER = "a number"
_FIELD = re.compile(r"`\$\.(\w+)")


class Payload(msgspec.Struct, gc=False):
    """A tick as the source wrote it. Names on one line of ``ALIASES`` mean one field."""

    symbol: str | None = None
    ticker: str | None = None
    name: str | None = None
    timestamp: str | int | float | None = None
    ts: str | int | float | None = None
    timestamp_ms: str | int | float | None = None
    price: float | None = None
    close: float | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    previous_close: float | None = None
    change: float | None = None
    change_percent: float | None = None
    volume: float | None = None
    kind: str | None = None
    source: str | None = None
    id: str | int | None = None


ALIASES = {
    "symbol": ("symbol", "ticker", "name"),
    "timestamp": ("timestamp", "ts", "timestamp_ms"),
    "price": ("price", "close"),
}
"""The first of these that a payload has counts."""

FIELDS = Payload.__struct_fields__
_EXPECTED = {
    **dict.fromkeys(ALIASES["symbol"], "text"),
    **dict.fromkeys(ALIASES["timestamp"], "text or a number"),
    **dict.fromkeys(("kind", "source"), "text"),
    "id": "text or a whole number",
}
_decode = msgspec.json.Decoder(Payload).decode
_generic = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of records: the bytes, the record's index, the place inside the record."""

    data: Sequence[bytes]
    record: Sequence[int]
    line: Sequence[int]


@dataclass(frozen=True, slots=True)
class Parsed:
    """``payloads`` of the lines ``good``; ``bad`` maps the index of a line to the reason."""

    payloads: list[Payload]
    good: list[int] | None
    bad: dict[int, str]


def split(records: Sequence[bytes]) -> Lines:
    """The records' lines. An object written over many lines stays one."""
    if b"\n" not in b"".join(records):
        return Lines(records, range(len(records)), [0] * len(records))
    data: list[bytes] = []
    owner: list[int] = []
    place: list[int] = []
    for index, record in enumerate(records):
        for number, line in _lines_of(record):
            data.append(line)
            owner.append(index)
            place.append(number)
    return Lines(data, owner, place)


def _lines_of(record: bytes) -> Iterable[tuple[int, bytes]]:
    if b"\n" not in record.rstrip() or _is_json(record):
        return ((0, record),)
    lines = [(number, line) for number, line in enumerate(record.split(b"\n")) if line.strip()]
    if not any(_is_object(line) for _, line in lines) and not _is_text(record):
        return ((0, record),)
    return lines


def _is_json(record: bytes) -> bool:
    try:
        _generic(record)
    except Exception:
        return False
    return True


def _is_object(line: bytes) -> bool:
    return line.lstrip().startswith(b"{") and _is_json(line)


def _is_text(record: bytes) -> bool:
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True


def parse(lines: Sequence[bytes]) -> Parsed:
    """Every line's payload or reason, in one pass that goes on behind a bad line."""
    payloads: list[Any] = []
    bad: dict[int, str] = {}
    pending = map(_decode, lines)
    while True:
        try:
            payloads.extend(pending)
            break
        except Exception as wrong:
            # extend kept what came before the bad line, and the map stands behind it.
            bad[len(payloads)] = explain(lines[len(payloads)], wrong)
            payloads.append(None)
    if not bad:
        return Parsed(payloads, None, bad)
    good = [index for index in range(len(lines)) if index not in bad]
    return Parsed([payloads[index] for index in good], good, bad)


def explain(line: bytes, wrong: Exception) -> str:
    """Why a line is no payload: field, value and rule."""
    if not line.strip():
        return "record is empty: a JSON object was expected"
    if isinstance(wrong, RecursionError):
        return "not read: JSON nested too deeply"
    if isinstance(wrong, msgspec.ValidationError):
        return _wrong_type(line, str(wrong))
    try:
        text = line.decode()
    except UnicodeDecodeError as broken:
        return f"not UTF-8: byte {line[broken.start]:#04x} at {broken.start}"
    return _not_a_number(text) or f"not JSON: {wrong}; the line begins {shown(text)}"


def _wrong_type(line: bytes, wrong: str) -> str:
    field = _FIELD.search(wrong)
    if field is None:
        return f"not a JSON object: the line begins {shown(line.decode(errors='replace'))}"
    name = field.group(1)
    expected = _EXPECTED.get(name, _NUMBER)
    return f"{name} is {_value(line, name)}: it must be {expected} within range"


def _value(line: bytes, name: str) -> str:
    try:
        return shown(json.loads(line)[name])
    except Exception:
        return "a value that cannot be read"


def _not_a_number(text: str) -> str | None:
    """The sentence for NaN and Infinity, which JSON doesn't have but many writers emit."""
    seen: list[str] = []

    def noted(name: str) -> str:
        seen.append(name)
        return name

    try:
        tree = json.loads(text, parse_constant=noted)
    except Exception:
        return None
    if not seen:
        return None
    fields = [f for f in FIELDS if isinstance(tree, dict) and tree.get(f) == seen[0]]
    where = fields[0] if fields else "a value"
    return f"{where} is {seen[0]}: not a finite number, and not JSON"


def shown(value: Any) -> str:
    """A value, shortened for a sentence."""
    text = json.dumps(value, ensure_ascii=True, default=repr)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text)} characters)"
