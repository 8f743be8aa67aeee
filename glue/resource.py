"""What a part of the stack is to `tapeline apply`: read it, compare it, bring it there.

Rules:
1. ``read`` changes nothing and returns only the aspects that we decide. What
   others added to the resource is neither seen nor touched.
2. What cannot be changed in place is ``Blocked``, with its remedy, before anything
   of the whole plan is changed.
3. ``create`` and ``change`` return when the resource can be used.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from config.site import Site

Aspects = Mapping[str, Any]


class Blocked(Exception):
    """The resource cannot be brought to what is wanted. The text says why and what to do."""


@dataclass(frozen=True)
class Change:
    """An aspect whose value differs; ``has`` is None where it is not there at all."""

    aspect: str
    has: Any
    wants: Any

    def __str__(self) -> str:
        return f"{self.aspect}: {self.has} -> {self.wants}"


@dataclass
class Resource(ABC):
    """One resource of the stack, as the settings want it."""

    site: Site
    clients: dict[str, Any] = field(default_factory=dict, repr=False, kw_only=True)
    """Clients by service; resources of one stack share them."""
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False, kw_only=True)
    kind: ClassVar[str]
    service: ClassVar[str]
    actions: ClassVar[tuple[str, ...]]
    """IAM actions that reading, creating and changing it take."""

    @property
    @abstractmethod
    def name(self) -> str: ...

    @abstractmethod
    def wanted(self) -> Aspects:
        """Every aspect that we decide, and its value."""

    @abstractmethod
    def read(self) -> Aspects | None:
        """The same aspects as they stand, or None where there is no such resource."""

    @abstractmethod
    def create(self) -> None:
        """Make it, with every aspect. Called only where ``read`` found none."""

    @abstractmethod
    def change(self, changes: Sequence[Change]) -> None:
        """Bring the changed aspects to what is wanted."""

    def refuse(self, changes: Sequence[Change]) -> None:
        """Raise Blocked where one of the changes cannot be made in place."""
        return None

    def check(self) -> None:
        """Raise Blocked where the settings themselves cannot be had."""
        return None

    @property
    def client(self) -> Any:
        if self.service not in self.clients:
            self.clients[self.service] = self.site.client(self.service)
        return self.clients[self.service]


def changes(wanted: Aspects, has: Aspects) -> tuple[Change, ...]:
    """The aspects that differ, in the order of ``wanted``."""
    return tuple(
        Change(aspect, has.get(aspect), value)
        for aspect, value in wanted.items()
        if has.get(aspect) != value
    )


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])
