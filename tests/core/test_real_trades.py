"""Bars of real trades equal what DuckDB computes from the same files, to the last bit."""

import zipfile
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from kcl_app.core.columns import Columns, text
from kcl_app.core.exchange import LocalClock
from kcl_app.core.tables import bars_to_arrow
from tests.core.tape import flow

TRADES = Path(__file__).parents[3] / "shared" / "data" / "trades"
INTERVALS = ("1m", "5m", "1h", "1d")
BATCH, CUT = 10_000, 50_000

pytestmark = pytest.mark.skipif(
    not TRADES.exists(), reason=f"real trades are read from {TRADES}, which is not there"
)

BARS = """
    select symbol, time_bucket(interval '{width}', moment) as start,
        arg_min(price, (moment, place)) as open, max(price) as high, min(price) as low,
        arg_max(price, (moment, place)) as close, sum(size)::double as volume,
        sum(units * size) as notional, count(*) as ticks,
        min(moment) as first_at, max(moment) as last_at
    from trades group by all order by all
"""
FINAL = """
    select * from every
    qualify revision = max(revision) over (partition by interval, symbol, part)
"""
WIDTHS = {"1m": "1 minute", "5m": "5 minutes", "1h": "1 hour", "1d": "1 day"}


def trades() -> pa.Table:
    """All trades of both symbols, as they came."""
    tables = [_day(file) for file in sorted(TRADES.glob("*_trade.zip"))]
    table = pa.concat_tables(tables).sort_by("moment")
    return table.append_column("place", pa.array(np.arange(table.num_rows)))


def _day(file: Path) -> pa.Table:
    symbol, day, _ = file.stem.split("_")
    opened = zipfile.ZipFile(file)
    rows = np.loadtxt(
        opened.open(opened.namelist()[0]), delimiter=",", usecols=(0, 1, 2), dtype=np.int64
    )
    midnight = datetime.strptime(day, "%Y%m%d").replace(tzinfo=ZoneInfo("America/New_York"))
    at = int(midnight.timestamp()) * 1_000_000 + rows[:, 0] * 1_000
    columns = {
        "moment": pa.array(at).view(pa.timestamp("us")),
        "units": rows[:, 1],
        "size": rows[:, 2],
    }
    names = pa.array([symbol.upper()] * len(rows))
    return pa.table({"symbol": names, **columns, "price": rows[:, 1] / 10_000})


def tape(table: pa.Table) -> Columns:
    """The trades as decoded ticks."""
    count = table.num_rows
    at = table["moment"].to_numpy().astype("datetime64[us]").astype(np.int64)
    none = np.full(count, np.nan)
    floats = ("open", "high", "low", "previous_close", "change", "change_percent")
    return Columns(
        {
            "symbol": table["symbol"].to_numpy(),
            "timestamp": at,
            "price": table["price"].to_numpy(),
            **dict.fromkeys(floats, none),
            "volume": table["size"].to_numpy().astype(np.float64),
            "kind": text(["trade"] * count),
            "source": text([None] * count),
            "id": text([None] * count),
            **LocalClock("America/New_York").columns(at),
            "arrival": at,
            "sequence": text([str(10**20 + n) for n in range(count)]),
            "sub_sequence": np.zeros(count, dtype=np.int64),
            "line": np.zeros(count, dtype=np.int32),
            "record": np.arange(count, dtype=np.int32),
        }
    )


def ours(ticks: Columns) -> dict[str, pa.Table]:
    """Final bars by interval: the highest revision of each part, through many cuts."""
    road, rows = flow(*INTERVALS), []
    for start in range(0, ticks.size, CUT):
        cut = ticks.slice(start, start + CUT)
        fed = [road.feed(cut.slice(n, n + BATCH)).ticks for n in range(0, cut.size, BATCH)]
        rows.append(bars_to_arrow(road.close(Columns.joined(fed)), "shard-0"))
    connection = duckdb.connect()
    connection.register("every", pa.concat_tables(rows))
    table = connection.sql(FINAL).to_arrow_table()
    return {name: table.filter(pa.compute.equal(table["interval"], name)) for name in INTERVALS}


def test_bars_of_real_trades_equal_duckdbs() -> None:
    table = trades()
    found = ours(tape(table))
    connection = duckdb.connect()
    connection.register("trades", table)
    for interval, width in WIDTHS.items():
        want = connection.sql(BARS.format(width=width)).fetchall()
        got = found[interval].sort_by([("symbol", "ascending"), ("start", "ascending")]).to_pylist()
        assert len(got) == len(want) > 5
        for bar, row in zip(got, want, strict=True):
            symbol, start, open_, high, low, close, volume, notional, count, first, last = row
            assert (bar["symbol"], bar["start"].replace(tzinfo=None)) == (symbol, start)
            assert (bar["open"], bar["high"], bar["low"], bar["close"]) == (open_, high, low, close)
            assert (bar["volume"], bar["ticks"]) == (volume, count)
            assert bar["notional"] * 10_000 == notional
            assert bar["vwap"] == (int(notional) / (int(volume) * 10_000) if volume else None)
            assert bar["first_at"].replace(tzinfo=None) == first
            assert bar["last_at"].replace(tzinfo=None) == last
