"""The latest values: one DynamoDB item per record identity, never moved back."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import ClassVar

from botocore.exceptions import ClientError

from kcl_app.core.contract import Batch, Refused, Sink, When
from sinks.aws import HOT_TIMEOUT_S
from sinks.items import items
from sinks.transact import Transactions, newest, transactions
from sinks.wire import write_plainly

KEY = {"symbol": "HASH", "timestamp": "RANGE"}


@dataclass
class DynamoDBSink(Sink):
    """Puts every tick under (symbol, timestamp), or timestamp#position for trades.

    Settings: ``table``, where it isn't the one of settings.items; ``parallel``, how
    many transactions are under way at a time. A batch with no two ops on one item
    may be sent in any order. Positions of one symbol grow along its shards, also
    through a reshard, so the greater one is the later record.
    """

    table: str = ""
    parallel: int = 4
    when: ClassVar[When] = "batch"
    guarantee: ClassVar[str] = (
        "one item per record identity: a repeat or a late writer never moves an item back"
    )
    sleep: Callable[[float], None] = field(default=time.sleep, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.parallel <= 64:
            raise ValueError(f"parallel = {self.parallel} must lie between 1 and 64")

    def open(self) -> None:
        """See that the table is there with our key: else every row would seem impossible."""
        self._name = self.table or self.site.settings.items.table
        self._client = self.site.client(
            "dynamodb",
            parameter_validation=False,
            max_pool_connections=self.parallel,
            read_timeout=HOT_TIMEOUT_S,
        )
        write_plainly(self._client)
        self._pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="dynamodb")
        found = self._key()
        if found != KEY:
            raise RuntimeError(
                f"table {self._name} has the key {found}, not symbol (partition) and timestamp "
                "(sort): name another as items.table, and let tapeline apply make it"
            )

    def write(self, batch: Batch) -> None:
        """Raises Refused for rows that DynamoDB will never take, Retry while it is too busy."""
        refused: dict[int, str] = {}
        puts = Transactions(self._client, self._name, self.sleep, refused=refused)
        runs = transactions(newest(items(batch.table("ticks"))))
        sent = [self._pool.submit(puts.put, run) for run in runs]
        wait(sent)
        for run in sent:
            run.result()
        if refused:
            raise Refused(refused)

    def close(self) -> None:
        self._pool.shutdown()

    def _key(self) -> dict[str, str]:
        try:
            table = self._client.describe_table(TableName=self._name)["Table"]
        except ClientError as error:
            raise RuntimeError(
                f"table {self._name} cannot be used ({error}); tapeline apply makes it"
            ) from error
        return {part["AttributeName"]: part["KeyType"] for part in table["KeySchema"]}
