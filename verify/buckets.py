"""Names by the hundred million, grouped within little memory: files by a byte of each name.

A name is kept as its MD5, 16 bytes, with a number of one byte. All entries of a name lie in
the same file, so file after file can be sorted and counted by itself: memory is a 256th of
the whole, and what is on disk is 17 bytes an entry, whatever the names say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kcl_app.core.columns import Array

FILES = 256
ENTRY = np.dtype([("high", "<u8"), ("low", "<u8"), ("code", "u1")])


@dataclass(frozen=True)
class Group:
    """A file's entries, those of one name together: ``begins`` says where each name's begin."""

    names: Array
    """(n, 2) of uint64."""
    codes: Array
    begins: Array


@dataclass(frozen=True)
class Buckets:
    """Below ``directory``, which the caller removes."""

    directory: Path

    def add(self, names: Array, codes: Array) -> None:
        """Entries: ``names`` (n, 2) of uint64, ``codes`` (n,) of uint8."""
        entries = np.empty(len(names), ENTRY)
        entries["high"], entries["low"], entries["code"] = names[:, 0], names[:, 1], codes
        which = (names[:, 0] & np.uint64(FILES - 1)).astype(np.uint8)
        entries = entries[np.argsort(which, kind="stable")]
        ends = np.cumsum(np.bincount(which, minlength=FILES)).tolist()
        for number, (begin, end) in enumerate(zip([0, *ends], ends, strict=False)):
            if end > begin:
                with open(self._path(number), "ab") as file:
                    entries[begin:end].tofile(file)

    def groups(self) -> Iterator[Group]:
        """Every entry, file by file."""
        for number in range(FILES):
            if self._path(number).exists():
                yield _grouped(np.fromfile(self._path(number), ENTRY))

    def _path(self, number: int) -> Path:
        return self.directory / f"{number:03d}"


def _grouped(entries: Any) -> Group:
    order = np.lexsort((entries["low"], entries["high"]))
    names = np.stack([entries["high"][order], entries["low"][order]], axis=1)
    new = np.ones(len(names), bool)
    new[1:] = (names[1:] != names[:-1]).any(axis=1)
    return Group(names, entries["code"][order], np.flatnonzero(new))
