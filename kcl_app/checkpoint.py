"""A checkpoint through the KCL, with the few errors that may be tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amazon_kclpy.checkpoint_error import CheckpointError

from kcl_app.core.chain import Checkpoint
from kcl_app.stopped import Stopped

RETRIED = {"ThrottlingException", "KinesisClientLibDependencyException"}
ATTEMPTS = 6


def checkpoint(checkpointer: Any, step: Checkpoint, sleep: Callable[[float], None]) -> bool:
    """True where the checkpoint stands, False where the lease is gone.

    Bare at a shard's end: an explicit position there would be a silent no-op, and
    the children would wait for ever. Raises Stopped where the KCL refuses.
    """
    for attempt in range(ATTEMPTS):
        try:
            if step.ended or step.at is None:
                checkpointer.checkpoint()
            else:
                checkpointer.checkpoint(step.at.sequence, step.at.sub)
            return True
        except CheckpointError as error:
            if error.value == "ShutdownException":
                return False
            if error.value not in RETRIED or attempt == ATTEMPTS - 1:
                raise Stopped(
                    f"checkpoint {step.at} was refused: {error.value}; "
                    "the shard starts again from the checkpoint before"
                ) from error
        sleep(0.1 * 2**attempt)
    raise AssertionError("unreachable")
