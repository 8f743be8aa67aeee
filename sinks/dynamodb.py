"""The latest values: one DynamoDB item per record identity, never moved back."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import ClassVar

from botocore.exceptions import ClientError

from kcl_app.core.contract import Batch, Refused, Sink, When
from sinks.aws import HOT_TIMEOUT_S
from sinks.items import items
from sinks.live import bar_items
from sinks.transact import Put, Transactions, newest, transactions
from sinks.wire import write_plainly

TICK, BAR = "timestamp", "bar"
"""The sort keys of the two tables; both are partitioned by symbol."""


@dataclass
class DynamoDBSink(Sink):
    """Puts every tick under (symbol, timestamp), or timestamp#position for trades, and, with
    settings.windows.live, each live bar's newest value under (symbol, interval#start).

    Settings: ``table`` and ``bars``, where they aren't those of settings.items; ``parallel``,
    how many transactions are under way at a time. A batch with no two ops on one item
    may be sent in any order. Positions of one symbol grow along its shards, also
    through a reshard, so the greater one is the later record.
    """

    table: str = ""
    bars: str = ""
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
        """See that the tables are there with our keys: else every row would seem impossible."""
        settings = self.site.settings
        self._client = self.site.client(
            "dynamodb",
            parameter_validation=False,
            max_pool_connections=self.parallel,
            read_timeout=HOT_TIMEOUT_S,
        )
        write_plainly(self._client)
        self._days = settings.items.bars_days
        self._ticks = self._seen(self.table or settings.items.table, TICK, "items.table")
        self._bars = ""
        if settings.windows.live:
            self._bars = self._seen(self.bars or settings.items.bars_table, BAR, "items.bars_table")
        self._pool = ThreadPoolExecutor(self.parallel, thread_name_prefix="dynamodb")

    def write(self, batch: Batch) -> None:
        """Raises Refused for rows that DynamoDB will never take, Retry while it is too busy.

        A bar is refused only where its symbol can be no key. Then its ticks are, too, and
        where they come with it they speak for it.
        """
        ticks: dict[int, str] = {}
        bars: dict[int, str] = {}
        sent = self._sent(self._ticks, newest(items(batch.table("ticks")), TICK), ticks)
        if self._bars:
            rows = bar_items(batch.table("live_bars"), self._days)
            sent += self._sent(self._bars, newest(rows, BAR), bars)
        wait(sent)
        for run in sent:
            run.result()
        if ticks:
            raise Refused(ticks)
        if bars:
            raise Refused(bars, "live_bars")

    def close(self) -> None:
        self._pool.shutdown()

    def _sent(self, table: str, puts: list[Put], refused: dict[int, str]) -> list[Future[None]]:
        into = Transactions(self._client, table, self.sleep, refused=refused)
        return [self._pool.submit(into.put, run) for run in transactions(puts)]

    def _seen(self, table: str, sort: str, setting: str) -> str:
        """``table``, with the key that it must have. Raises RuntimeError."""
        try:
            found = self._client.describe_table(TableName=table)["Table"]["KeySchema"]
        except ClientError as error:
            raise RuntimeError(
                f"table {table} cannot be used ({error}); tapeline apply makes it"
            ) from error
        key = {part["AttributeName"]: part["KeyType"] for part in found}
        if key != {"symbol": "HASH", sort: "RANGE"}:
            raise RuntimeError(
                f"table {table} has the key {key}, not symbol (partition) and {sort} (sort): "
                f"name another as {setting}, and let tapeline apply make it"
            )
        return table
