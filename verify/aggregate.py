"""KPL aggregation, undone as the KCL does: how many user records a Kinesis record holds.

Source: the KPL's aggregation format. Magic F3 89 9A C2, an AggregatedRecord in
protocol buffers (field 3, repeated: the user records), then the MD5 of that.
"""

from __future__ import annotations

import hashlib

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16
USER_RECORDS = 3
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


def user_records(data: bytes) -> int:
    """User records in ``data``; 1 where it isn't an aggregated record."""
    body, seal = data[len(MAGIC) : -DIGEST_BYTES], data[-DIGEST_BYTES:]
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + DIGEST_BYTES:
        return 1
    if hashlib.md5(body, usedforsecurity=False).digest() != seal:
        return 1
    try:
        return _count(body)
    except (IndexError, ValueError):
        return 1


def _count(body: bytes) -> int:
    at = found = 0
    while at < len(body):
        tag, at = _varint(body, at)
        found += tag >> 3 == USER_RECORDS and tag & 7 == BYTES
        at = _past(body, at, tag & 7)
    if at != len(body):
        raise ValueError("cut short")
    return found


def _past(body: bytes, at: int, wire: int) -> int:
    if wire == VARINT:
        return _varint(body, at)[1]
    if wire == BYTES:
        size, at = _varint(body, at)
        return at + size
    if wire in (FIXED64, FIXED32):
        return at + (8 if wire == FIXED64 else 4)
    raise ValueError(f"wire type {wire}")


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
