"""Lines of text files, packed or not, with sentences for whatever is wrong with them."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from producer.source import SourceError

LONGEST_LINE = 16 * 1024 * 1024
BOM = b"\xef\xbb\xbf"
PACKED = (".gz", ".zip")
DAMAGED = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, RuntimeError)


def suffixes(path: str) -> tuple[str, str]:
    """The kind of a file and its packing, from its name: ``a.b.csv.gz`` is (``.csv``, ``.gz``)."""
    name = Path(path)
    packing = name.suffix.lower() if name.suffix.lower() in PACKED else ""
    kind = Path(name.stem).suffix if packing else name.suffix
    return kind.lower(), packing


def stem(path: str) -> str:
    """The file's name without folder, kind and packing: ``SW`` of ``minute/SW.csv.gz``."""
    name = Path(path).name
    for suffix in reversed(suffixes(path)):
        name = name[: len(name) - len(suffix)]
    return name


def lines(path: str) -> Iterator[str]:
    """The lines of a text file, with their ends, decoded from UTF-8. Raises SourceError."""
    number = 0
    try:
        with _opened(path) as file:
            while raw := file.readline(LONGEST_LINE + 1):
                number += 1
                yield _decoded(path, number, raw.removeprefix(BOM) if number == 1 else raw)
    except DAMAGED as wrong:
        packing = suffixes(path)[1].removeprefix(".")
        where = f", after line {number}" if number else ""
        raise SourceError(
            f"{path}{where}: not {packing}, or damaged or cut short ({wrong})"
        ) from wrong
    except OSError as wrong:
        raise SourceError(f"{path}: {_why(wrong)}") from wrong
    if not number:
        raise SourceError(f"{path}: the file is empty")


def _why(wrong: OSError) -> str:
    if isinstance(wrong, FileNotFoundError):
        return "there is no such file"
    return f"cannot be read: {wrong.strerror or wrong}"


def _decoded(path: str, number: int, raw: bytes) -> str:
    if len(raw) > LONGEST_LINE:
        raise SourceError(f"{path}, line {number}: longer than {LONGEST_LINE:,} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as wrong:
        raise SourceError(
            f"{path}, line {number}, byte {wrong.start + 1}: not UTF-8; convert the file first"
        ) from wrong


@contextmanager
def _opened(path: str) -> Iterator[IO[bytes]]:
    packing = suffixes(path)[1]
    if packing == ".gz":
        with gzip.open(path, "rb") as file:
            yield io.BufferedReader(cast("io.RawIOBase", file))
    elif packing == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(_only(path, archive)) as file:
            yield io.BufferedReader(cast("io.RawIOBase", file))
    else:
        with open(path, "rb") as file:
            yield file


def _only(path: str, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise SourceError(f"{path}: holds {len(members)} files; replay reads a zip file of one")
    return members[0]
