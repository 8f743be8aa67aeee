"""Object keys, read back: whose an object is, and where it lies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from kcl_app.core.position import HEAD, SEQUENCE_DIGITS, SUB_DIGITS

_AFTER = re.compile(rf"-({HEAD}|\d{{{SEQUENCE_DIGITS}}}-\d{{{SUB_DIGITS}}})\.parquet$")
_DT = re.compile(r"/dt=([^/]*)/")


@dataclass(frozen=True)
class Names:
    """``lives`` are all lives that have cut records in the lake."""

    life: str
    lives: frozenset[str]

    def counts(self, key: str) -> bool:
        """False for what Athena does not read: folder marks and hidden files."""
        return not key.endswith("/") and not PurePosixPath(key).name.startswith((".", "_"))

    def dt(self, key: str) -> str:
        """The key's dt, empty where it has none."""
        match = _DT.search(key)
        return match[1] if match else ""

    def owner(self, key: str) -> str | None:
        """The life that the object's name says; None where it says none that is known."""
        name = PurePosixPath(key).name
        if not _AFTER.search(name):
            return None
        owners = [life for life in {*self.lives, self.life} if name.startswith(f"{life}-")]
        return max(owners, key=len, default=None)

    def shard(self, key: str) -> str:
        """The shard of an object of this life."""
        name = _AFTER.sub("", PurePosixPath(key).name)
        return name.removeprefix(f"{self.life}-")
