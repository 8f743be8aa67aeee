"""A sink that fails when told to: fuses for tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from kcl_app.core.contract import Batch
from sinks.wrappers import Wrapping


@dataclass(frozen=True)
class Fault:
    """Raise ``error`` before the inner sink has written, or after: then only the answer is lost."""

    error: Exception
    moment: Literal["before", "after"] = "before"


@dataclass
class FlakySink(Wrapping):
    """Fails its writes by the script ``faults``, one entry a write; None, and the end, is well."""

    faults: tuple[Fault | None, ...] = ()
    writes: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._script: Iterator[Fault | None] = iter(self.faults)

    def write(self, batch: Batch) -> None:
        fault = next(self._script, None)
        self.writes += 1
        if fault and fault.moment == "before":
            raise fault.error
        self.sink.write(batch)
        if fault:
            raise fault.error
