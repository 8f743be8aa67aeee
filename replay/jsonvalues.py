"""A stream of bytes as JSON records, each with its line: bounded, and never in one piece.

Rules:
1. A line that is an object is a record. So is an object over many lines, and each of
   several objects on one line, with blanks or nothing between them.
2. Whatever else stands on a line is one record: the decoder will refuse it, with its bytes.
3. A line that begins with ``{`` begins a record, whatever was left open before: what was
   cut short takes nothing else with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST = 16 * 1024 * 1024
BOM = b"\xef\xbb\xbf"
_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\[^\n])*"|["{}]|\n\{')
_JOINED = re.compile(rb"\}\s*\{")
_BLANK = re.compile(rb"\s*")
_LINE_END = re.compile(rb"[ \t\r]*\n")


class TooLong(Exception):
    """A record of more than ``LONGEST`` bytes. Says where it begins."""


class Value(NamedTuple):
    """A record: its line, from 1, which of the line's records it is, from 1, and its bytes."""

    line: int
    place: int
    data: bytes

    @property
    def name(self) -> str:
        """``17``, and ``17.2`` for the second on line 17."""
        return f"{self.line}.{self.place}" if self.place > 1 else str(self.line)


def values(blocks: Iterable[bytes]) -> Iterator[list[Value]]:
    """The records, some at a time. Raises TooLong."""
    splitter = _Splitter()
    for block in blocks:
        yield splitter.feed(block)
    yield splitter.finish()


class _Splitter:
    """``_held`` is what was fed and is in no record yet; its first byte is on ``_line``, behind
    ``_place`` records of that line."""

    def __init__(self) -> None:
        self._held = b""
        self._line = 1
        self._place = 0
        self._begun = False

    def feed(self, block: bytes) -> list[Value]:
        self._held += block
        if not self._begun and len(self._held) >= len(BOM):
            self._held, self._begun = self._held.removeprefix(BOM), True
        found = self._taken(final=False)
        if len(self._held) > LONGEST:
            raise TooLong(
                f"line {self._line}: longer than {LONGEST:,} bytes, and no end of a JSON record"
            )
        return found

    def finish(self) -> list[Value]:
        self._held = self._held if self._begun else self._held.removeprefix(BOM)
        return self._taken(final=True)

    def _taken(self, final: bool) -> list[Value]:
        found: list[Value] = []
        at = self._lines(0, found)
        while (end := self._next(at, final)) is not None:
            begin = self._behind(_BLANK, at)
            if end > begin:
                self._place += 1
                found.append(Value(self._line, self._place, self._held[begin:end].rstrip()))
            self._pass(begin, end)
            at = self._lines(self._behind(_LINE_END, end), found)
            if at == len(self._held):
                break
        self._held = self._held[at:]
        return found

    def _lines(self, at: int, found: list[Value]) -> int:
        """Take whole lines that are an object each, as nearly all are; where they end."""
        held = self._held
        while not self._place and (end := held.find(b"\n", at)) >= 0:
            line = held[at:end].strip()
            if line and not _alone(line):
                break
            if line:
                found.append(Value(self._line, 1, line))
            self._line, at = self._line + 1, end + 1
        return at

    def _next(self, at: int, final: bool) -> int | None:
        """Where the record ends that begins at ``at`` or behind blanks; None: not here yet."""
        match = _BLANK.match(self._held, at)
        begin = match.end() if match else at
        if begin == len(self._held):
            return begin if final else None
        if self._held[begin : begin + 1] == b"{":
            return self._object_end(begin, final)
        return self._line_end(begin, final)

    def _object_end(self, begin: int, final: bool) -> int | None:
        depth = 0
        for token in _TOKEN.finditer(self._held, begin):
            mark = token.group()
            if mark == b"{":
                depth += 1
            elif mark == b"}":
                depth -= 1
                if not depth:
                    return token.end()
            elif mark == b"\n{":
                return token.start()
            elif mark == b'"':
                return self._line_end(token.start(), final)
        return len(self._held) if final else None

    def _line_end(self, at: int, final: bool) -> int | None:
        end = self._held.find(b"\n", at)
        if end >= 0:
            return end
        return len(self._held) if final else None

    def _behind(self, blank: re.Pattern[bytes], at: int) -> int:
        match = blank.match(self._held, at)
        if match is None:
            return at
        self._pass(at, match.end())
        return match.end()

    def _pass(self, begin: int, end: int) -> None:
        """Count the lines passed."""
        passed = self._held.count(b"\n", begin, end)
        if passed:
            self._line, self._place = self._line + passed, 0


def _alone(line: bytes) -> bool:
    """True where the line looks like one object and no more."""
    return (
        line.startswith(b"{")
        and line.endswith(b"}")
        and line.count(b"{") == line.count(b"}")
        and not _JOINED.search(line)
    )
