"""The multilang loop: the daemon speaks a line, the processor works, we answer a line.

Rules:
1. The talk owns the descriptors that were 0 and 1. Whoever prints reaches stderr,
   whoever reads gets nothing: neither can break the talk.
2. Only whole lines count. The end of input, or a line cut short, means the JVM died.
3. "Done" is said when the processor returned, never after an exception: the next
   checkpoint would jump over the batch.
4. The interface is amazon_kclpy's (version 3); a stock processor runs unchanged.
"""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

import msgspec
from amazon_kclpy.kcl import Checkpointer
from amazon_kclpy.messages import LeaseLostInput, MessageDispatcher, ShardEndedInput

from kcl_app.envelope import MessageUnreadable, decode

BUFFER = 1 << 20
LONGEST_LINE = 1 << 28
"""Bytes. GetRecords answers at most 10 MB, 14 MB as base64; emulators know no such bound."""


class JvmGone(BaseException):
    """The daemon's end of the talk is closed: write nothing more, leave at once.

    No Exception, so that a processor which retries its checkpoints cannot catch it.
    """


class Talk:
    """Lines in, lines out. Has what amazon_kclpy's Checkpointer asks of its io handler."""

    def __init__(self, reader: BinaryIO, writer: BinaryIO) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    def over_stdio(cls) -> Talk:
        """Take descriptors 0 and 1 for the talk; leave the null device and stderr there."""
        talk_in, talk_out = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        _widen(talk_in)
        return cls(os.fdopen(talk_in, "rb", BUFFER), os.fdopen(talk_out, "wb", BUFFER))

    def receive(self) -> Any:
        """The next message. Raises JvmGone or MessageUnreadable."""
        return self.load_action(self.read_line())

    def read_line(self) -> bytes:
        try:
            line = self._reader.readline(LONGEST_LINE)
        except OSError as closed:
            raise JvmGone from closed
        if line.endswith(b"\n"):
            return line
        if len(line) >= LONGEST_LINE:
            raise MessageUnreadable(f"a line of more than {LONGEST_LINE} bytes")
        raise JvmGone

    def load_action(self, line: bytes) -> Any:
        return decode(line)

    def write_action(self, response: Mapping[str, Any]) -> None:
        try:
            self._writer.write(b"\n" + msgspec.json.encode(response) + b"\n")
            self._writer.flush()
        except OSError as closed:
            raise JvmGone from closed


def serve(processor: Any, talk: Talk, first: Any = None) -> None:
    """Run ``processor`` until the daemon lets the shard go; ``first`` was received already.

    Returns after lease lost or shard end, when the daemon has closed the talk. Raises
    JvmGone where it closed before, MessageUnreadable, and whatever the processor raises.
    """
    checkpointer = Checkpointer(talk)
    ended = False
    message = first
    while True:
        try:
            message = message or talk.receive()
        except JvmGone:
            if ended:
                return
            raise
        _answer(message, processor, checkpointer, talk)
        ended = ended or isinstance(message, LeaseLostInput | ShardEndedInput)
        message = None


def _answer(message: Any, processor: Any, checkpointer: Any, talk: Talk) -> None:
    if not isinstance(message, MessageDispatcher):
        raise MessageUnreadable(f"{type(message).__name__} outside a checkpoint")
    message.dispatch(checkpointer, processor)
    talk.write_action({"action": "status", "responseFor": message.action})


def _widen(pipe: int) -> None:
    """A pipe of 1 MB instead of 64 KB: a batch of 4 MB then takes a few switches, not 60."""
    try:
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, BUFFER)
    except (AttributeError, OSError):
        return  # not Linux, not a pipe, or over the user's limit: only slower
