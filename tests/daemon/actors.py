"""Processors that misbehave, each in one way."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from amazon_kclpy.checkpoint_error import CheckpointError

from tests.daemon.stock import Ledger


class Chatterbox(Ledger):
    """Prints, writes to descriptor 1, lets a program print, and reads stdin."""

    def process_records(self, given: Any) -> None:
        status = '{"action":"status","responseFor":"processRecords"}'
        print(status)  # noqa: T201
        os.write(1, f"{status}\n".encode())
        subprocess.run(["echo", status], check=True)
        assert sys.stdin.readline() == ""
        super().process_records(given)


class Stumbler(Ledger):
    def process_records(self, given: Any) -> None:
        raise ValueError(f"{len(given.records)} records\nare too many")


class Quitter(Ledger):
    def process_records(self, given: Any) -> None:
        sys.exit(0)


class Stubborn(Ledger):
    """Asks for a checkpoint until it gets one, whatever is raised meanwhile."""

    def process_records(self, given: Any) -> None:
        while True:
            try:
                given.checkpointer.checkpoint()
            except Exception as error:
                self.file.write(f'"{error!s}"\n')
                self.file.flush()
            else:
                return


class Parting(Ledger):
    """Checkpoints when asked to shut down; says which end it met."""

    def shutdown_requested(self, given: Any) -> None:
        given.checkpointer.checkpoint("17", 3)

    def shard_ended(self, given: Any) -> None:
        given.checkpointer.checkpoint()
        self.file.write('"ended"\n')

    def lease_lost(self, given: Any) -> None:
        self.file.write('"lost"\n')
        self.file.close()


class Retrier(Ledger):
    """Tries a throttled checkpoint once more."""

    def process_records(self, given: Any) -> None:
        try:
            super().process_records(given)
        except CheckpointError as error:
            if error.value != "ThrottlingException":
                raise
            last = given.records[-1]
            given.checkpointer.checkpoint(last.sequence_number, last.sub_sequence_number)
