"""Positions as columns of zero-padded text, whose order is the stream's."""

from __future__ import annotations

import numpy as np

from kcl_app.core.columns import Array
from kcl_app.core.position import SEQUENCE_DIGITS, SUB_DIGITS

LINE_DIGITS = 7
SEQUENCE = f"S{SEQUENCE_DIGITS}"
ROW = f"S{SEQUENCE_DIGITS + SUB_DIGITS + LINE_DIGITS + 2}"


def sequences(column: Array) -> Array:
    """Sequence numbers of 56 digits each, as bytes."""
    texts = column.tolist()
    if set(map(len, texts)) != {SEQUENCE_DIGITS}:
        texts = [text.rjust(SEQUENCE_DIGITS, "0") for text in texts]
    return np.frombuffer("".join(texts).encode(), dtype=SEQUENCE)


def rows(column: Array, subs: Array, lines: Array) -> Array:
    """``<sequence>-<sub>-<line>`` of rows, as bytes: what a bar's part is named by."""
    letters = np.full((len(column), np.dtype(ROW).itemsize), ord("-"), dtype=np.uint8)
    digits = sequences(column).view(np.uint8).reshape(-1, SEQUENCE_DIGITS)
    letters[:, :SEQUENCE_DIGITS] = digits
    _figures(letters, SEQUENCE_DIGITS + 1, SUB_DIGITS, subs)
    _figures(letters, SEQUENCE_DIGITS + SUB_DIGITS + 2, LINE_DIGITS, lines)
    return letters.view(ROW).reshape(-1)


def _figures(letters: Array, first: int, digits: int, numbers: Array) -> None:
    """Write numbers as so many digits; only as far to the left as the greatest one goes."""
    letters[:, first : first + digits] = ord("0")
    rest, most = numbers.astype(np.int64), int(numbers.max(initial=0))
    for place in range(first + digits - 1, first - 1, -1):
        if not most:
            return
        letters[:, place] += (rest % 10).astype(np.uint8)
        rest, most = rest // 10, most // 10
