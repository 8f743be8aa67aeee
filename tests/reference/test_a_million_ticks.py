"""Rolling values of a million ticks, real and made up, against polars within 1e-9.

The reference knows nothing of runs, states and batches: it takes a symbol's prices as
one series, and a window as that series shifted once a tick.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pyarrow import csv

from kcl_app.core.columns import Columns, text
from kcl_app.core.exchange import LocalClock
from kcl_app.core.flow import Flow
from kcl_app.core.indicators import indicator
from tests.core.tape import rules

DATA = Path(__file__).parents[3] / "shared" / "data"
MILLION = 1_000_000
BATCH = 50_000
MORE = (
    *("sma_50", "ema_12", "min_15", "max_15", "std_20", "zscore_10"),
    *("volatility_20", "rsi_14", "bollinger_20"),
)
EQUAL = ("min_15", "max_15")
RELATIVE = 1e-9


# --- tapes: symbol, timestamp (us), price; in order of time ---------------------------


def bars() -> Iterator[pl.DataFrame]:
    """Opens and closes of real minute bars, as two symbols each."""
    for file in sorted((DATA / "minute").glob("*.csv.gz")):
        table = pl.read_csv(file, columns=["timestamp_ms", "open", "close"])
        for column in ("open", "close"):
            yield table.select(
                pl.lit(f"{file.name.removesuffix('.csv.gz')} {column}").alias("symbol"),
                (pl.col("timestamp_ms") * 1000).alias("timestamp"),
                pl.col(column).cast(pl.Float64).alias("price"),
            )


def trades() -> Iterator[pl.DataFrame]:
    """Real trades; the day's midnight is taken as UTC's, which changes no price's place."""
    named = csv.ReadOptions(column_names=["ms", "price", "size", "exchange", "sale", "suspicious"])
    for file in sorted((DATA / "trades").glob("*_trade.zip")):
        symbol, day, _ = file.stem.split("_")
        with zipfile.ZipFile(file) as packed, packed.open(packed.namelist()[0]) as rows:
            table = csv.read_csv(rows, named).select(["ms", "price"])
        midnight = np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}", "us").astype(np.int64)
        yield pl.DataFrame(
            {
                "symbol": [symbol.upper()] * len(table),
                "timestamp": table["ms"].to_numpy() * 1000 + midnight,
                "price": table["price"].to_numpy() / 10_000,
            }
        )


def made_up() -> pl.DataFrame:
    """Walks of heavy-tailed steps from 0.01 to 100,000, on a grid of cents or finer, with
    stretches where nothing moves."""
    draw = np.random.default_rng(8)
    symbols = np.sort(draw.integers(0, 400, MILLION))
    steps = draw.standard_t(3, MILLION) * 4e-4 * (draw.random(MILLION) < 0.8)
    steps[np.flatnonzero(np.diff(symbols, prepend=-1))] = 0
    walk = np.concatenate(
        [np.cumsum(part) for part in np.split(steps, np.flatnonzero(np.diff(symbols)) + 1)]
    )
    first = 10.0 ** (symbols / 400 * 7 - 2)
    price = np.maximum(np.round(first * np.exp(walk), 4), 1e-4)
    order = draw.permutation(MILLION)
    shuffled = np.empty(MILLION, dtype=np.int64)
    shuffled[np.lexsort((order, symbols))] = np.sort(order)
    return pl.DataFrame(
        {
            "symbol": pl.Series([f"S{n}" for n in range(400)])[symbols],
            "timestamp": 1_736_175_600_000_000 + 1000 * order,
            "price": price,
        }
    ).sort("timestamp", maintain_order=True)


def real() -> pl.DataFrame:
    if not DATA.exists():
        pytest.skip(f"real ticks are read from {DATA}, which is not there")
    table = pl.concat([*bars(), *trades()]).sort("timestamp", maintain_order=True)
    assert len(table) >= MILLION
    return table.tail(MILLION)


# --- ours, and the reference -----------------------------------------------------------


def ours(tape: pl.DataFrame) -> Columns:
    flow = Flow("shard-0", replace(rules(), more=tuple(map(indicator, MORE))))
    return Columns.joined([flow.feed(part).ticks for part in batches(tape)])


def batches(tape: pl.DataFrame) -> Iterator[Columns]:
    for start in range(0, len(tape), BATCH):
        part = tape.slice(start, BATCH)
        count, at = len(part), part["timestamp"].to_numpy()
        none, nothing = np.full(count, np.nan), text([None] * count)
        floats = ("open", "high", "low", "previous_close", "change", "change_percent", "volume")
        yield Columns(
            {
                "symbol": text(part["symbol"].to_list()),
                "timestamp": at,
                "price": part["price"].to_numpy(),
                **dict.fromkeys(floats, none),
                "kind": text(["trade"] * count),
                "source": nothing,
                "id": nothing,
                **LocalClock("America/New_York").columns(at),
                "arrival": at,
                "sequence": text([str(10**20 + start + n) for n in range(count)]),
                "sub_sequence": np.zeros(count, dtype=np.int64),
                "line": np.zeros(count, dtype=np.int32),
                "record": np.arange(count, dtype=np.int32),
            }
        )


PRICE, PLACE = pl.col("price"), pl.col("place")
RETURN, CHANGE = pl.col("return"), pl.col("change")
Window = list[pl.Expr]


def last(of: pl.Expr, ticks: int, skip: int = 0) -> Window:
    """A symbol's last ``ticks`` values, but for the newest ``skip``."""
    return [of.shift(n) for n in range(skip, skip + ticks)]


def mean(window: Window) -> pl.Expr:
    return pl.sum_horizontal(window) / len(window)


def deviation(window: Window, free: int = 1) -> pl.Expr:
    """By two passes; null where all are equal."""
    off = [(value - mean(window)) ** 2 for value in window]
    moves = pl.max_horizontal(window) > pl.min_horizontal(window)
    return pl.when(moves).then((pl.sum_horizontal(off) / (len(window) - free)).sqrt())


def wilder(move: pl.Expr, ticks: int) -> pl.Expr:
    """Wilder's mean: a plain one of the first ``ticks`` moves, smoothed from there on."""
    seeded = pl.when(PLACE.eq(ticks)).then(mean(last(move, ticks))).when(PLACE.gt(ticks)).then(move)
    return seeded.ewm_mean(alpha=1 / ticks, adjust=False, ignore_nulls=True).over("symbol")


def reference() -> dict[str, tuple[int, pl.Expr]]:
    """How many ticks come before the first value, and the value."""
    gains, losses = (wilder(pl.max_horizontal(side, 0.0), 14) for side in (CHANGE, -CHANGE))
    middle, spread = mean(last(PRICE, 20)), 2 * deviation(last(PRICE, 20), free=0).fill_null(0)
    return {
        "sma_5": (4, mean(last(PRICE, 5))),
        "sma_20": (19, middle),
        "sma_50": (49, mean(last(PRICE, 50))),
        "ewma_volatility": (
            1,
            (RETURN**2).ewm_mean(alpha=0.06, adjust=False).over("symbol").sqrt(),
        ),
        "z_score": (20, (PRICE - mean(last(PRICE, 20, 1))) / deviation(last(PRICE, 20, 1))),
        "zscore_10": (10, (PRICE - mean(last(PRICE, 10, 1))) / deviation(last(PRICE, 10, 1))),
        "ema_12": (0, PRICE.ewm_mean(alpha=2 / 13, adjust=False).over("symbol")),
        "min_15": (14, pl.min_horizontal(last(PRICE, 15))),
        "max_15": (14, pl.max_horizontal(last(PRICE, 15))),
        "std_20": (19, deviation(last(PRICE, 20))),
        "volatility_20": (20, pl.sum_horizontal(last(RETURN**2, 20)).sqrt()),
        "rsi_14": (14, pl.when(gains + losses > 0).then(100 * gains / (gains + losses))),
        "bollinger_20_middle": (19, middle),
        "bollinger_20_upper": (19, middle + spread),
        "bollinger_20_lower": (19, middle - spread),
    }


REFERENCE = reference()


def computed(tape: pl.DataFrame) -> pl.DataFrame:
    """The reference's values in the tape's order."""
    sorted_ = (
        tape.with_row_index("row")
        .sort("symbol", "row")
        .with_columns(
            place=pl.int_range(pl.len()).over("symbol"),
            change=PRICE - PRICE.shift(1).over("symbol"),
        )
    )
    sorted_ = sorted_.with_columns(
        **{"return": PRICE / PRICE.shift(1).over("symbol") - 1},
    )
    values = [
        pl.when(PLACE.ge(before)).then(value).alias(name)
        for name, (before, value) in REFERENCE.items()
    ]
    return sorted_.select("row", *values).sort("row")


@pytest.fixture(scope="module", params=[real, made_up], ids=["real", "made up"])
def both(request: pytest.FixtureRequest) -> tuple[Columns, pl.DataFrame]:
    """Our values and polars' of one tape, in its order."""
    tape = request.param()
    assert len(tape) == MILLION
    return ours(tape), computed(tape)


@pytest.mark.parametrize("name", REFERENCE)
def test_a_rolling_value_agrees_with_polars(both: tuple[Columns, pl.DataFrame], name: str) -> None:
    got, wanted = both[0][name], both[1][name].to_numpy()
    if name == "std_20":
        got = np.where(got == 0, np.nan, got)
    assert (np.isnan(got) == np.isnan(wanted)).all()
    known = ~np.isnan(wanted)
    assert known.sum() > MILLION // 2
    if name in EQUAL:
        assert (got[known] == wanted[known]).all()
    else:
        # A score is a difference in units of 1: where price and mean agree to the last
        # digits, nothing relative to their difference can be asked.
        least = RELATIVE if "score" in name else 0.0
        np.testing.assert_allclose(got[known], wanted[known], rtol=RELATIVE, atol=least)
