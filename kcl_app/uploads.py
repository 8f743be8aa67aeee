"""Cuts on their way to the cold sinks, in the order of the chain."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future

from kcl_app.core.contract import Batch
from kcl_app.core.cut import CutRecord


class Uploads:
    """``write`` makes a cut durable; ``writer`` runs it, at most ``most`` are under way."""

    def __init__(self, writer: Executor, write: Callable[[Batch], None], most: int) -> None:
        self._writer = writer
        self._write = write
        self._most = most
        self._begun: deque[tuple[CutRecord, Future[None]]] = deque()

    def __len__(self) -> int:
        return len(self._begun)

    @property
    def full(self) -> bool:
        return len(self._begun) >= self._most

    @property
    def first_done(self) -> bool:
        """Whether ``first`` would return, or raise, at once."""
        return bool(self._begun) and self._begun[0][1].done()

    def begin(self, record: CutRecord, batch: Batch) -> None:
        """Hand the cut's tables to the writer. ``record`` stands."""
        self._begun.append((record, self._writer.submit(self._write, batch)))

    def first(self) -> CutRecord:
        """Wait until the oldest cut is durable; its record. Raises what its sinks raise."""
        record, upload = self._begun.popleft()
        upload.result()
        return record
