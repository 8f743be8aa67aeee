from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from kcl_app.core.contract import Sink
from sinks.memory import MemoryLake, MemorySink
from sinks.testing import SinkContract


class TestMemorySink(SinkContract):
    @pytest.fixture(autouse=True)
    def storage(self) -> None:
        self.held: dict[str, Any] = {}

    def make(self) -> Sink:
        return MemorySink(self.held)

    def read(self) -> Iterable[Any]:
        return [row for rows in self.held.values() for row in rows.values()]


class TestMemoryLake(SinkContract):
    @pytest.fixture(autouse=True)
    def storage(self) -> None:
        self.objects: dict[Any, Any] = {}

    def make(self) -> Sink:
        return MemoryLake(self.objects)

    def read(self) -> Iterable[Any]:
        return [(key, rows.to_pylist()) for key, rows in self.objects.items()]
