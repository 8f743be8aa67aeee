"""What is known beside the lake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from verify.leases import Lease

LeasesAgain = Callable[[], Mapping[str, Lease]]


@dataclass(frozen=True)
class Facts:
    """The life, its leases, the stream's shards and parents.

    ``leases`` is None where there is no lease table, or where the life is over and
    is to be judged by itself (``over``).
    """

    life: str
    application: str = ""
    leases: Mapping[str, Lease] | None = None
    stream: Mapping[str, frozenset[str]] = field(default_factory=dict)
    over: bool = False
