"""A shard's cut records, read in stream order and a few ahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from kcl_app.core.cut import CutRecord, parse
from kcl_app.core.lake import cut_key
from verify.findings import Finding
from verify.lake import Lake

AHEAD = 16
"""Records fetched before they are asked for."""


@dataclass(frozen=True)
class CutRecords:
    """Of one shard of one life. Whoever walks them decides whether they chain."""

    lake: Lake
    life: str
    shard: str

    def keys(self) -> Iterator[str]:
        """In stream order. HEAD stands first there, and last in text order."""
        head = cut_key(self.life, self.shard, None)
        if self.lake.body(head) is not None:
            yield head
        yield from (k for k in self.lake.keys(f"cuts/{self.life}/{self.shard}/") if k != head)

    def read(
        self, pool: Executor, unreadable: Callable[[Finding], None]
    ) -> Iterator[tuple[str, CutRecord]]:
        """(key, record) of each that can be read; the others are told."""
        ahead: deque[tuple[str, Future[bytes | None]]] = deque()
        for key in self.keys():
            ahead.append((key, pool.submit(self.lake.body, key)))
            if len(ahead) > AHEAD:
                yield from self._parsed(*ahead.popleft(), unreadable)
        while ahead:
            yield from self._parsed(*ahead.popleft(), unreadable)

    def last_is_end(self) -> bool:
        """Whether the chain's last record is an END."""
        last = deque(self.keys(), maxlen=1)
        body = self.lake.body(last[0]) if last else None
        try:
            return body is not None and parse(body).kind == "end"
        except ValueError:
            return False

    def _parsed(
        self, key: str, reading: Future[bytes | None], unreadable: Callable[[Finding], None]
    ) -> Iterator[tuple[str, CutRecord]]:
        body = reading.result()
        try:
            record = parse(body or b"")
            record.binding()  # its positions are parsed when asked for
        except ValueError as why:
            what = f"{key} is no cut record: {why}"
            unreadable(Finding("unreadable", what, self.shard, objects=(key,)))
            return
        yield key, record
