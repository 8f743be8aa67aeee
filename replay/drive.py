"""A shard's processor, driven without Kinesis: the callbacks that the KCL would make."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kcl_app.core.records import Records
from kcl_app.kept_checkpoints import KeptCheckpoints
from replay.origin import Origin


@dataclass(frozen=True)
class Call:
    """What a callback is given."""

    checkpointer: Any
    columns: Records | None = None


@dataclass(frozen=True)
class Begin:
    """What ``initialize`` is given: the shard, and the checkpoint where there is one."""

    shard_id: str
    sequence_number: str = ""
    sub_sequence_number: int = 0


def drive(
    processor: Any,
    origin: Origin,
    shard: str,
    checkpoints: KeptCheckpoints,
    told: Callable[[Records], None],
    stopped: Callable[[], bool],
) -> bool:
    """Replay a shard from its checkpoint on. True where it was read to its end; False where
    ``stopped()`` came true before. Either way all that was read is stored and checkpointed.

    ``told`` gets the records of each call, when they have been taken.
    """
    kept = checkpoints.read(shard)
    if kept.ended:
        return True
    place = (kept.at.sequence, kept.at.sub) if kept.at else ()
    processor.initialize(Begin(shard, *place))
    checkpointer = checkpoints.of(shard)
    for records in origin.read(shard, kept.position):
        if stopped():
            processor.shutdown_requested(Call(checkpointer))
            return False
        processor.process_records(Call(checkpointer, records))
        told(records)
    if origin.ended(shard):
        processor.shard_ended(Call(checkpointer))
    else:
        processor.shutdown_requested(Call(checkpointer))
    return True
