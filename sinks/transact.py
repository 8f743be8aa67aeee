"""Conditional puts, a hundred at a time, each with an answer of its own.

TransactWriteItems is all or nothing, and says of each put why it stood in the way.
Stale ones are dropped, impossible ones set aside, and the rest is sent again. It
needs no ClientRequestToken: a transaction sent twice finds its own items, which
are not older than themselves, and so counts them as stale.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from botocore.exceptions import ClientError

from kcl_app.core.contract import Retry
from sinks.aws import code, later
from sinks.items import Item

MOST = 100
"""Puts a transaction."""
MOST_TEXT = 1_000_000
"""Characters a transaction: at four bytes each this is AWS's limit of 4 MB."""
LONG = ("symbol", "source", "id", "flags")
"""The attributes whose length the source decides; all others have ``SHORT`` at most together."""
SHORT = 2_000
STALE = "ConditionalCheckFailed"
IMPOSSIBLE = {"ValidationError", "ItemCollectionSizeLimitExceeded"}
Reason = Mapping[str, str]
"""Why a put was cancelled: ``Code``, and a ``Message`` where there is one."""
NEWER = {
    "ConditionExpression": "attribute_not_exists(#key) OR #position < :position",
    "ExpressionAttributeNames": {"#key": "symbol", "#position": "position"},
}


@dataclass(frozen=True)
class Put:
    """An item, and the row of the batch that it came from."""

    row: int
    item: Item

    def request(self, table: str) -> dict[str, Any]:
        values = {":position": self.item["position"]}
        put = {"TableName": table, "Item": self.item, "ExpressionAttributeValues": values, **NEWER}
        return {"Put": put}


@dataclass
class Transactions:
    """Puts items that are newer than what stands. ``refused`` gathers rows that never can be put.

    A conflict (someone else writes the same item at this moment) or throttling
    inside a transaction is tried again after 50 ms, doubled each time, ``attempts``
    times in all; then Retry is raised.
    """

    client: Any
    table: str
    sleep: Callable[[float], None] = time.sleep
    attempts: int = 6
    refused: dict[int, str] = field(default_factory=dict)

    def put(self, puts: Sequence[Put]) -> None:
        """At most ``MOST`` puts of different items; durable, stale or refused on return."""
        attempt = 0
        while puts:
            reasons = self._sent(puts)
            if reasons is None:
                return
            left = self._left(puts, reasons)
            if len(left) == len(puts):
                attempt += 1
                self._pause(attempt, max(reason["Code"] for reason in reasons))
            puts = left

    def _pause(self, attempt: int, why: str) -> None:
        if attempt == self.attempts:
            raise Retry(1.0, f"table {self.table}: {why} in {attempt} transactions running")
        self.sleep(0.05 * 2 ** (attempt - 1))

    def _sent(self, puts: Sequence[Put]) -> Sequence[Reason] | None:
        """None where all is durable, else each put's reason."""
        with later(1.0):
            try:
                self.client.transact_write_items(
                    TransactItems=[put.request(self.table) for put in puts]
                )
            except ClientError as error:
                if code(error) == "TransactionCanceledException":
                    return cast(Sequence[Reason], error.response["CancellationReasons"])
                if code(error) == "ValidationException":
                    return self._searched(puts, error)
                raise
        return None

    def _searched(self, puts: Sequence[Put], error: ClientError) -> Sequence[Reason] | None:
        """A put that DynamoDB cannot read spoils the whole request unnamed: halves find it."""
        if len(puts) == 1:
            return [{"Code": "ValidationError", "Message": str(error)}]
        middle = len(puts) // 2
        self.put(puts[:middle])
        self.put(puts[middle:])
        return None

    def _left(self, puts: Sequence[Put], reasons: Sequence[Reason]) -> list[Put]:
        """The puts to send again: those that are neither stale nor impossible."""
        left: list[Put] = []
        for put, reason in zip(puts, reasons, strict=True):
            if reason["Code"] in IMPOSSIBLE:
                self.refused[put.row] = reason.get("Message") or reason["Code"]
            elif reason["Code"] != STALE:
                left.append(put)
        return left


def newest(rows: Iterable[Item], sort: str = "timestamp") -> list[Put]:
    """One put an item: a transaction may not hold two. Of several the last position stays.
    ``sort`` is the key beside the symbol."""
    puts: dict[tuple[str, str], Put] = {}
    for row, item in enumerate(rows):
        key = (item["symbol"]["S"], item[sort]["S"])
        standing = puts.get(key)
        if standing is None or standing.item["position"]["S"] <= item["position"]["S"]:
            puts[key] = Put(row, item)
    return list(puts.values())


def transactions(puts: Iterable[Put]) -> Iterator[list[Put]]:
    """Runs of puts within AWS's limits of number and size."""
    run: list[Put] = []
    size = 0
    for put in puts:
        length = SHORT + sum(len(put.item[name]["S"]) for name in LONG if name in put.item)
        if run and (len(run) == MOST or size + length > MOST_TEXT):
            yield run
            run, size = [], 0
        run.append(put)
        size += length
    if run:
        yield run
