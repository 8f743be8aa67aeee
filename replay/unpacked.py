"""Bytes of an object, unpacked as its first bytes say: plain, gzip or zstd."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator

import pyarrow as pa

BLOCK = 1 << 20
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
FOREIGN = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a zip file",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"Obj\x01": "Avro",
    b"ORC": "ORC",
}


class NotReadable(Exception):
    """The bytes are packed in a way that isn't read, or are damaged. Says which."""


def unpacked(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The content, in blocks of about ``BLOCK`` bytes at most. Raises NotReadable."""
    source = _Source(iter(blocks))
    begin = source.peek(8)
    for mark, name in FOREIGN.items():
        if begin.startswith(mark):
            raise NotReadable(f"is {name}; raw objects are JSON, plain or packed by gzip or zstd")
    if begin.startswith(GZIP):
        return _gzip(source)
    return _zstd(source) if begin.startswith(ZSTD) else iter(lambda: source.read(BLOCK), b"")


def _gzip(source: _Source) -> Iterator[bytes]:
    """All members, one behind the other."""
    member = zlib.decompressobj(wbits=31)
    try:
        while block := source.read(BLOCK):
            while block:
                if member.eof:
                    member = zlib.decompressobj(wbits=31)
                if content := member.decompress(block, BLOCK):
                    yield content
                block = member.unused_data if member.eof else member.unconsumed_tail
    except zlib.error as wrong:
        raise NotReadable(f"is damaged gzip: {wrong}") from wrong
    if not member.eof:
        raise NotReadable("is gzip that is cut short")


def _zstd(source: _Source) -> Iterator[bytes]:
    """All frames, one behind the other."""
    stream = pa.CompressedInputStream(source, "zstd")
    try:
        while content := stream.read(BLOCK):
            yield content
    except OSError as wrong:
        raise NotReadable(f"is damaged zstd, or cut short: {wrong}") from wrong


class _Source(io.RawIOBase):
    """Blocks as a file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._held = b""

    def readable(self) -> bool:
        return True

    def peek(self, size: int) -> bytes:
        """The next ``size`` bytes, fewer at the end."""
        while len(self._held) < size and (block := next(self._blocks, b"")):
            self._held += block
        return self._held[:size]

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; none at the end."""
        if not self._held:
            self._held = next(self._blocks, b"")
        if size < 0:
            self._held += b"".join(self._blocks)
            size = len(self._held)
        taken, self._held = self._held[:size], self._held[size:]
        return taken
