"""A processor as anyone would write it for amazon_kclpy: it knows nothing of this house."""

from __future__ import annotations

import json
import os

from amazon_kclpy.v3.processor import RecordProcessorBase


class Ledger(RecordProcessorBase):  # type: ignore[misc]
    """Appends every record to the file LEDGER as JSON, then checkpoints the last."""

    def initialize(self, initialize_input) -> None:  # type: ignore[no-untyped-def]
        self.shard = initialize_input.shard_id
        self.file = open(os.environ["LEDGER"], "a", encoding="utf-8")  # noqa: SIM115

    def process_records(self, given) -> None:  # type: ignore[no-untyped-def]
        for record in given.records:
            row = [self.shard, record.sequence_number, record.sub_sequence_number]
            row += [record.partition_key, record.binary_data.decode()]
            self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        if given.records:
            last = given.records[-1]
            given.checkpointer.checkpoint(last.sequence_number, last.sub_sequence_number)

    def lease_lost(self, lease_lost_input) -> None:  # type: ignore[no-untyped-def]
        self.file.close()

    def shard_ended(self, shard_ended_input) -> None:  # type: ignore[no-untyped-def]
        shard_ended_input.checkpointer.checkpoint()

    def shutdown_requested(self, shutdown_requested_input) -> None:  # type: ignore[no-untyped-def]
        self.file.flush()
