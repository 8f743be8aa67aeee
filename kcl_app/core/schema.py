"""The lake's tables, written once: Arrow, Glue, DynamoDB and the docs are rendered from here.

Times are UTC microseconds. Prices and volumes are in the source's own units.
``exchange_*`` columns are the market's local clock, stored because zone
conversion in SQL differs between engines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

UTC_US = pa.timestamp("us", tz="UTC")
FORMAT = "1"


@dataclass(frozen=True)
class Column:
    name: str
    type: pa.DataType
    doc: str
    nullable: bool = True


@dataclass(frozen=True)
class Table:
    """A table of the lake. ``partitions`` are path keys, not file columns."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    partitions: tuple[str, ...] = ("dt",)
    derived: bool = False
    """True where the rows are values (they follow from state), not placement."""

    @cached_property
    def arrow(self) -> pa.Schema:
        return pa.schema(
            [pa.field(c.name, c.type, nullable=c.nullable) for c in self.columns],
            metadata={"tapeline.table": self.name, "tapeline.format": FORMAT},
        )


def _floats(**docs: str) -> tuple[Column, ...]:
    return tuple(Column(name, pa.float64(), doc) for name, doc in docs.items())


SYMBOL = Column("symbol", pa.string(), "ticker symbol, as the source writes it", False)
TIMESTAMP = Column("timestamp", UTC_US, "event time", False)
EXCHANGE = (
    Column("exchange_date", pa.date32(), "local date at the exchange", False),
    Column("exchange_hour", pa.int32(), "local hour at the exchange, 0 to 23", False),
    Column("exchange_minute", pa.int32(), "local minute at the exchange, 0 to 59", False),
)
PLACE = (
    Column("arrival", UTC_US, "when Kinesis stored the record", False),
    Column("shard", pa.string(), "shard the record was read from", False),
    Column("sequence", pa.string(), "Kinesis sequence number, as it came", False),
    Column("sub_sequence", pa.int64(), "place inside an aggregated record", False),
    Column("line", pa.int32(), "place inside a record of many lines, from 0", False),
)

TICKS = Table(
    "ticks",
    "Every accepted tick, as received, with rolling indicators and flags.",
    (
        SYMBOL,
        TIMESTAMP,
        Column("price", pa.float64(), "last price; a bar's close", False),
        *_floats(
            open="open of the day (quote) or of the bar",
            high="high of the day (quote) or of the bar",
            low="low of the day (quote) or of the bar",
            previous_close="close of the session before; derived where the source has none",
            change="price - previous_close",
            change_percent="100 * change / previous_close",
            volume="running total of the day (quote) or what traded (trade, bar)",
        ),
        Column("kind", pa.string(), "quote, trade or bar: says what open to volume mean", False),
        Column("source", pa.string(), "where the tick came from"),
        Column("id", pa.string(), "the producer's record id"),
        *EXCHANGE,
        *_floats(
            sma_5="mean price of the last 5 ticks of the symbol",
            sma_20="mean price of the last 20 ticks of the symbol",
            ewma_volatility="square root of the EWMA (lambda 0.94) of squared simple returns",
            z_score="distance from the mean of the 20 ticks before, in their standard deviations",
        ),
        Column("flags", pa.string(), "kinds of anomaly, comma separated"),
        Column("severity", pa.string(), "low, medium or high; the gravest of the flags"),
        Column(
            "late_seconds",
            pa.float64(),
            "event time behind the newest one of the symbol before; null where it is not",
        ),
        Column("indicators", pa.string(), "what windows.indicators adds, as a JSON object"),
        *PLACE,
    ),
)

BARS = Table(
    "bars",
    "OHLCV bars. A cut writes each bar it touched again with the next revision: the highest "
    "revision of a part is its value, and parts of one window add up (view bars_final).",
    (
        SYMBOL,
        Column("start", UTC_US, "begin of the window, inclusive", False),
        Column("end", UTC_US, "end of the window, exclusive", False),
        Column("open", pa.float64(), "price of the first tick by event time", False),
        Column("high", pa.float64(), "highest price", False),
        Column("low", pa.float64(), "lowest price", False),
        Column("close", pa.float64(), "price of the last tick by event time", False),
        Column("volume", pa.float64(), "what traded in the window", False),
        Column("vwap", pa.float64(), "notional / volume; null without volume"),
        Column("notional", pa.decimal128(38, 14), "sum of price * volume, exact", False),
        Column("ticks", pa.int64(), "ticks in the window", False),
        Column("first_at", UTC_US, "event time of the first tick", False),
        Column("last_at", UTC_US, "event time of the last tick", False),
        Column("part", pa.string(), "position key of the tick that opened this part", False),
        Column("revision", pa.int64(), "1, 2, ... within a part", False),
        *EXCHANGE,
        Column("shard", pa.string(), "shard whose cut wrote the row", False),
    ),
    partitions=("interval", "dt"),
    derived=True,
)

ANOMALIES = Table(
    "anomalies",
    "One row a flag: what was unusual about a tick.",
    (
        SYMBOL,
        TIMESTAMP,
        Column("kind", pa.string(), "rule or detector that spoke", False),
        Column("severity", pa.string(), "low, medium or high", False),
        Column("score", pa.float64(), "how unusual; the unit is the rule's own", False),
        Column("price", pa.float64(), "price of the tick", False),
        Column("reason", pa.string(), "a sentence for people", False),
        *EXCHANGE,
        *PLACE,
    ),
    derived=True,
)

REJECTS = Table(
    "rejects",
    "Records that could not be accepted: reason and original bytes. dt is the arrival's.",
    (
        Column("reason", pa.string(), "names the field, the value and the rule", False),
        Column("data", pa.binary(), "the line's original bytes", False),
        Column("partition_key", pa.string(), "partition key of the record", False),
        *PLACE,
    ),
)

LIVE_BARS = Table(
    "live_bars",
    "Bars as they change, for hot sinks only: whole values, told again with each call that "
    "changes them, and once more when they are closed.",
    (
        Column("interval", pa.string(), "the window's name in the settings", False),
        *BARS.columns[:-1],
        Column("closed", pa.bool_(), "true once the watermark has reached the end", False),
        Column("sequence", pa.string(), "the symbol's last record: the greater, the newer", False),
        Column("sub_sequence", pa.int64(), "place inside an aggregated record", False),
        BARS.columns[-1],
    ),
    partitions=(),
    derived=True,
)

TABLES = {table.name: table for table in (TICKS, BARS, ANOMALIES, REJECTS)}
"""What the lake holds."""
HANDED = {**TABLES, LIVE_BARS.name: LIVE_BARS}
"""What sinks are handed: the lake's tables, and what never goes into it."""
