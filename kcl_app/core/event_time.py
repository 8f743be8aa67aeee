"""Event times: text or numbers to UTC microseconds.

Rules:
1. Text is ISO 8601 with a zone (``Z`` or an offset); without one it is refused, since
   nobody can know whose clock it was. Digits behind microseconds are dropped.
2. Numbers count from 1970 in the unit that their size tells: below 1e11 seconds,
   below 1e14 milliseconds, below 1e17 microseconds, else nanoseconds.
3. Text of a usual shape is read in columns, all other text one by one, with one answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import numpy as np

from kcl_app.core.columns import Array

UNKNOWN = np.iinfo(np.int64).min
SECOND = 1_000_000
DAY = 86_400 * SECOND
_EPOCH = date(1970, 1, 1).toordinal()
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r" ?(?:(Z|z|UTC)|([+-])(\d\d)(?::?(\d\d))?)?",
    re.ASCII,
)
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAYS_IN = np.array((0, *_LENGTHS, *([0] * 87)))
_FEW = 16


def instants(values: Sequence[Any]) -> Array:
    """UTC microseconds (int64) of texts, ints and floats; UNKNOWN where there is none."""
    kinds = set(map(type, values))
    if len(kinds) == 1:
        return _READ.get(kinds.pop(), _none)(values)
    out = np.full(len(values), UNKNOWN)
    for kind, read in _READ.items():
        rows = [row for row, value in enumerate(values) if type(value) is kind]
        if rows:
            out[rows] = read([values[row] for row in rows])
    return out


def why_not(value: Any) -> str:
    """The rule that a value without an instant breaks."""
    if isinstance(value, str) and (found := _ISO.fullmatch(value)) is not None:
        if found.group(8) is None and found.group(9) is None:
            return "it has no zone: add Z or an offset such as -05:00"
        return "there is no such date or time"
    return "it must be ISO 8601 with a zone, such as 2025-01-31T15:04:05Z, or an epoch number"


def one(text: str) -> int:
    """UTC microseconds of a text, else UNKNOWN."""
    found = _ISO.fullmatch(text)
    if found is None:
        return UNKNOWN
    year, month, day, hour, minute, second, fraction, utc, sign, ahead, more = found.groups()
    if utc is None and sign is None:
        return UNKNOWN
    clock = (int(hour), int(minute), int(second or 0))
    offset = (int(ahead or 0), int(more or 0))
    if clock > (23, 59, 59) or max(clock[1:]) > 59 or offset[0] > 23 or offset[1] > 59:
        return UNKNOWN
    try:
        days = date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return UNKNOWN
    seconds = days * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    seconds -= (offset[0] * 3600 + offset[1] * 60) * (-1 if sign == "-" else 1)
    return seconds * SECOND + int((fraction or "0")[:6].ljust(6, "0"))


def _none(values: Sequence[Any]) -> Array:
    return np.full(len(values), UNKNOWN)


def _integers(values: Sequence[int]) -> Array:
    try:
        numbers = np.array(values, dtype=np.int64)
    except OverflowError:
        # Too large for any unit: left to the range check as a time out of range.
        numbers = np.array([v if -(2**63) < v < 2**63 else 2**63 - 1 for v in values])
    size = np.abs(numbers)
    unit = [size < 10**11, size < 10**14, size < 10**17]
    micros: Array = np.select(unit, [numbers * SECOND, numbers * 1000, numbers], numbers // 1000)
    return micros


def _floats(values: Sequence[float]) -> Array:
    numbers = np.clip(np.array(values, dtype=np.float64), -9e21, 9e21)
    size = np.abs(numbers)
    unit = [size < 1e11, size < 1e14, size < 1e17]
    micros = np.select(unit, [numbers * 1e6, numbers * 1e3, numbers], numbers / 1e3)
    whole: Array = np.rint(micros).astype(np.int64)
    return whole


def _texts(values: Sequence[str]) -> Array:
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    first = int(lengths[0])
    if (lengths == first).all():
        return _of_length(values, first)
    out = np.full(len(values), UNKNOWN)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        out[rows] = _of_length([values[row] for row in rows.tolist()], int(length))
    return out


_READ: dict[type, Callable[[Sequence[Any]], Array]] = {str: _texts, int: _integers, float: _floats}


def _of_length(values: Sequence[str], length: int) -> Array:
    joined = "".join(values)
    if len(values) < _FEW or not 20 <= length <= 35 or not joined.isascii():
        return np.array([one(value) for value in values], dtype=np.int64)
    letters = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, length)
    out, sure = _in_columns(np.ascontiguousarray(letters.T))
    for row in np.flatnonzero(~sure).tolist():
        out[row] = one(values[row])
    return out


def _in_columns(text: Array) -> tuple[Array, Array]:
    """Instants of texts of one length, letters by row; ``sure`` where the shape is usual."""
    zulu = text[-1] == ord("Z")
    tail = 1 if zulu.all() else 6
    fraction = len(text) - tail - 20
    # Bytes below "0" wrap to high ones, so one comparison tells the digits.
    digits = text - np.uint8(ord("0"))
    shape = [*_at(text, {4: "-", 7: "-", 13: ":", 16: ":"}), (text[10] == 84) | (text[10] == 32)]
    figures = [0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
    seconds = np.zeros(text.shape[1], dtype=np.int64)
    if tail == 6:
        ahead = text[-6] == ord("+")
        shape += [ahead | (text[-6] == ord("-")), text[-3] == ord(":")]
        offset = len(text) - 5
        figures += [offset, offset + 1, offset + 3, offset + 4]
        hours, minutes = _pair(digits, offset), _pair(digits, offset + 3)
        shape += [hours < 24, minutes < 60]
        seconds -= np.where(ahead, 1, -1) * (hours * 3600 + minutes * 60)
    micros = np.zeros(text.shape[1], dtype=np.int64)
    if fraction >= 0:
        shape.append(text[19] == ord("."))
        figures += range(20, 20 + fraction)
        for place in range(6):
            micros = micros * 10 + (digits[20 + place] if place < fraction else 0)
    if fraction == 0 or fraction > 9 or fraction < -1:
        return micros, np.zeros(text.shape[1], dtype=bool)
    year = _pair(digits, 0) * 100 + _pair(digits, 2)
    month, day = _pair(digits, 5), _pair(digits, 8)
    hour, minute, second = _pair(digits, 11), _pair(digits, 14), _pair(digits, 17)
    leap = (month == 2) & (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    shape += [hour < 24, minute < 60, second < 60, year > 0, day > 0]
    sure = np.logical_and.reduce([*shape, (digits[figures] < 10).all(axis=0)])
    sure &= day <= _DAYS_IN[np.where(sure, month, 0)] + leap
    seconds += _days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    return seconds * SECOND + micros, sure


def _at(text: Array, marks: dict[int, str]) -> list[Array]:
    return [text[place] == ord(mark) for place, mark in marks.items()]


def _pair(digits: Array, place: int) -> Array:
    pair: Array = digits[place].astype(np.int64) * 10 + digits[place + 1]
    return pair


def _days(year: Array, month: Array, day: Array) -> Array:
    """Days since 1970 in the Gregorian calendar: years begin in March, so leap days end them."""
    shifted = year - (month <= 2)
    of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    days: Array = shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + of_year
    return days - 719_468
