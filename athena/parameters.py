"""Parameters of a question: declared, typed, bound.

Rules:
1. A value reaches an engine as a bound parameter. No value is ever part of the SQL's text.
2. A parameter has a type. ``--param`` text that isn't of the type is refused by name.
3. ``:from`` and ``:to`` are days, written as ``dt`` is: text such as 2025-01-31. What is
   not declared is text.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlglot.dialects.trino import Trino
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

LONGEST = 262_144
"""Bytes of SQL that Athena takes."""
Value = str | int | float | dt.date | dt.datetime

FIRST_DAY = "first day"
LAST_DAY = "last day"
"""Defaults of dates that only the lake knows: the first and last dt that it holds."""


class ParameterError(ValueError):
    """A parameter is unknown, missing or not of its type. Names it and says what to write."""


@dataclass(frozen=True)
class Parameter:
    name: str
    type: str
    doc: str = ""
    default: str | None = None

    def read(self, text: str) -> Value:
        """The value that ``text`` spells. Raises ParameterError."""
        parse, form = TYPES[self.type]
        try:
            return parse(text)
        except ValueError:
            raise ParameterError(f"{self.name} = {text!r} is not {form}") from None


def _whole(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _time(text: str) -> dt.datetime:
    value = dt.datetime.fromisoformat(text)
    if value.tzinfo is None:
        return value
    return value.astimezone(dt.UTC).replace(tzinfo=None)


def _day(text: str) -> str:
    return dt.date.fromisoformat(text).isoformat()


def _text(text: str) -> str:
    if "\0" in text or len(text) > 1000:
        raise ValueError
    return text


TYPES: Mapping[str, tuple[Callable[[str], Value], str]] = {
    "text": (_text, "text of at most 1,000 characters"),
    "integer": (_whole, "a whole number"),
    "double": (_number, "a number"),
    "day": (_day, "a day such as 2025-01-31"),
    "date": (dt.date.fromisoformat, "a date such as 2025-01-31"),
    "timestamp": (_time, "a time such as 2025-01-31T15:04:05 (UTC where it names no zone)"),
}

_LINE = re.compile(
    r"^:(?P<name>\w+) (?P<type>\w+)(?: = (?P<default>[^;]*?))?(?:; (?P<doc>.*))?$",
)


def declared(line: str) -> Parameter | None:
    """The parameter of a comment ``:name type = default; what it is``, or None."""
    match = _LINE.match(line)
    if match is None:
        return None
    if match["type"] not in TYPES:
        raise ParameterError(f":{match['name']} {match['type']}: a type is {', '.join(TYPES)}")
    return Parameter(match["name"], match["type"], match["doc"] or "", match["default"])


@dataclass(frozen=True)
class Placeholders:
    """SQL cut at its ``:name`` parameters: ``texts`` has one more element than ``names``."""

    texts: tuple[str, ...]
    names: tuple[str, ...]

    def spelt(self, spell: Callable[[str], str]) -> str:
        """The SQL with each parameter written as ``spell(name)``."""
        marks = [spell(name) for name in self.names] + [""]
        return "".join(text + mark for text, mark in zip(self.texts, marks, strict=True))


def placeholders(sql: str) -> Placeholders:
    """Find ``:name`` outside text, names and comments. Raises ParameterError."""
    if len(sql.encode()) > LONGEST:
        raise ParameterError(f"the SQL is longer than the {LONGEST:,} bytes that Athena takes")
    try:
        tokens = Trino().tokenize(sql)
    except TokenError as wrong:
        raise ParameterError(f"not SQL: {str(wrong).splitlines()[0]}") from None
    texts, names, done = [], [], 0
    for colon, name in _marks(tokens):
        texts.append(sql[done : colon.start])
        names.append(name.text)
        done = name.end + 1
    return Placeholders((*texts, sql[done:]), tuple(names))


def _marks(tokens: list[Token]) -> list[tuple[Token, Token]]:
    for token in tokens:
        if token.token_type in (TokenType.PLACEHOLDER, TokenType.PARAMETER):
            raise ParameterError(f"{token.text} in the SQL: name the parameter, such as :symbol")
    pairs = pairwise(tokens)
    return [
        (colon, name)
        for colon, name in pairs
        if colon.token_type == TokenType.COLON
        and name.start == colon.end + 1
        and re.fullmatch(r"[A-Za-z_]\w*", name.text)
        and name.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)
    ]


def literal(value: Value) -> str:
    """``value`` as an expression for Athena's ExecutionParameters, which takes literals."""
    match value:
        case str():
            return "'" + value.replace("'", "''") + "'"
        case dt.datetime():
            return f"TIMESTAMP '{value.isoformat(sep=' ', timespec='microseconds')}'"
        case dt.date():
            return f"DATE '{value.isoformat()}'"
        case float():
            text = repr(value)
            return text if "e" in text else f"{text}e0"
        case _:
            return str(value)


def bound(names: tuple[str, ...], params: Mapping[str, Any]) -> dict[str, Any]:
    """Exactly the parameters that the SQL names. Raises ParameterError for one without value."""
    missing = sorted({name for name in names if name not in params})
    if missing:
        raise ParameterError(f":{missing[0]} has no value; give --param {missing[0]}=VALUE")
    return {name: params[name] for name in names}
