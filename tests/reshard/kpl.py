"""Aggregated records, as the Kinesis Producer Library makes them.

Source: the KPL's aggregation format. Magic F3 89 9A C2, an AggregatedRecord in protocol
buffers (1: the partition keys, 3: user records, each with 1: the key's index and 3: its
data), then the MD5 of that. The KCL undoes it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

MAGIC = b"\xf3\x89\x9a\xc2"
KEYS, RECORDS = 1, 3
KEY_INDEX, DATA = 1, 3
VARINT, BYTES = 0, 2


def aggregated(records: Sequence[tuple[str, bytes]]) -> bytes:
    """One Kinesis record of many user records (partition key, data), in their order."""
    keys = list(dict.fromkeys(key for key, _ in records))
    body = b"".join(_bytes(KEYS, key.encode()) for key in keys)
    for key, data in records:
        index = bytes([KEY_INDEX << 3 | VARINT]) + _varint(keys.index(key))
        body += _bytes(RECORDS, index + _bytes(DATA, data))
    return MAGIC + body + hashlib.md5(body, usedforsecurity=False).digest()


def _bytes(field: int, value: bytes) -> bytes:
    return bytes([field << 3 | BYTES]) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
