"""Rows that a sink will never take, kept beside the lake with the reason."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from kcl_app.core.contract import Batch, Refused
from kcl_app.core.position import Position
from kcl_app.core.store import Store


def keep(store: Store, sink: str, batch: Batch, refused: Refused) -> str:
    """Store the refused rows as JSON lines, once; the key they stand at.

    The key ends with a digest of what it holds: the same rows refused again after
    a replay stand once, and no other rows can be hidden behind them. Raises
    ValueError where the sink names a row that the batch does not have.
    """
    table = batch.table(refused.table)
    beyond = [row for row in refused.rows if not 0 <= row < table.num_rows]
    if beyond:
        raise ValueError(
            f"sink {sink} refused row {beyond[0]} of {refused.table}, which has "
            f"{table.num_rows} rows: the sink is wrong"
        )
    indices = sorted(refused.rows)
    rows = table.take(indices).to_pylist()
    body = "".join(
        _line(sink, batch.shard, refused.table, refused.rows[index], row)
        for index, row in zip(indices, rows, strict=True)
    ).encode()
    key = letter_key(sink, refused.table, batch.shard, rows[0], body)
    store.put_once(key, body)
    return key


def letter_key(sink: str, table: str, shard: str, first: Mapping[str, Any], body: bytes) -> str:
    """``refused/SINK/TABLE/SHARD-<position of the first row>-<digest>.jsonl``."""
    digest = hashlib.blake2b(body, digest_size=8).hexdigest()
    return f"refused/{sink}/{table}/{shard}-{_place(first)}-{digest}.jsonl"


def _place(row: Mapping[str, Any]) -> str:
    """A bar has no position of its own: its part's."""
    if "sequence" in row:
        return Position(row["sequence"], row["sub_sequence"]).key
    return str(row["part"])


def _line(sink: str, shard: str, table: str, reason: str, row: Mapping[str, Any]) -> str:
    letter = {"sink": sink, "shard": shard, "table": table, "reason": reason, "row": row}
    return json.dumps(letter, default=_plain, ensure_ascii=False) + "\n"


def _plain(value: Any) -> str:
    """Times as ISO text, bytes in base64, decimals digit by digit."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)
