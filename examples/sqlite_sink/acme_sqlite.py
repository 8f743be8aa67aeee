"""Flags into a SQLite file: a whole sink."""

import sqlite3
from dataclasses import dataclass

from sinks import Batch, Sink


@dataclass
class SqliteSink(Sink):
    path: str

    guarantee = "every flag once: it is named by its tick, so a repeat replaces itself"

    def open(self) -> None:
        self.db = sqlite3.connect(self.path)
        self.db.execute(
            "create table if not exists flags (symbol, at, kind, score, sequence, sub, line,"
            " primary key (sequence, sub, line, kind))"
        )

    def write(self, batch: Batch) -> None:
        rows = [{**row, "at": row["timestamp"].isoformat()} for row in batch.rows("anomalies")]
        with self.db:
            self.db.executemany(
                "insert or replace into flags values"
                " (:symbol, :at, :kind, :score, :sequence, :sub_sequence, :line)",
                rows,
            )

    def close(self) -> None:
        self.db.close()
