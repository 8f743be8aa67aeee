"""A made-up market is the same every time, looks like one, and tells where it is odd."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from producer import truth
from producer.anomalies import KINDS, slots
from producer.market import smile
from producer.names import tickers
from producer.quotes import FIELDS, ticked
from producer.source import SourceError
from producer.synthetic import SyntheticSource

STEPS = 390


def rows(**settings: Any) -> list[dict[str, Any]]:
    source = SyntheticSource(**settings)
    return [dict(row) for ticks in source.batches() for row in ticks.rows]


def frame(**settings: Any) -> pl.DataFrame:
    found = pl.DataFrame(rows(**settings), infer_schema_length=None)
    at = pl.col("timestamp").str.to_datetime(time_zone="UTC")
    return found.with_columns(at=at, day=at.dt.date())


def wide(found: pl.DataFrame, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A column as (time, symbol)."""
    table = found.pivot(on="symbol", index="at", values=column).sort("at").drop("at")
    return table.to_numpy().astype(float)


def test_the_same_settings_give_the_same_bytes() -> None:
    settings = {"symbols": 7, "records": 5_000, "seed": 42, "anomalies": 1.0}
    assert json.dumps(rows(**settings)) == json.dumps(rows(**settings))


def test_another_seed_is_another_market() -> None:
    first, second = (rows(symbols=2, records=10, seed=seed) for seed in (1, 2))
    assert [row["price"] for row in first] != [row["price"] for row in second]


def test_a_shorter_tape_is_the_beginning_of_a_longer_one() -> None:
    assert rows(symbols=7, records=6_000)[:1_234] == rows(symbols=7, records=1_234)


def test_the_first_quote_of_a_seed_stays_what_it_is() -> None:
    assert rows(symbols=1, records=1, seed=1) == [
        {
            "symbol": "BALDAX",
            "timestamp": "2025-01-06T14:30:00Z",
            "price": 31.7,
            "open": 31.7,
            "high": 31.7,
            "low": 31.7,
            "previous_close": 31.72,
            "change": -0.02,
            "change_percent": -0.0631,
            "volume": 84118,
            "kind": "quote",
            "source": "synthetic",
        }
    ]


def test_a_quote_has_the_ten_fields_kind_and_source() -> None:
    (row,) = rows(records=1)
    assert tuple(row) == FIELDS
    assert (row["kind"], row["source"]) == ("quote", "synthetic")


def test_quotes_hold_together() -> None:
    found = frame(symbols=30, days=3, records=0, anomalies=2.0, seed=5)
    assert found.filter(~pl.col("price").is_between(pl.col("low"), pl.col("high"))).is_empty()
    assert found.filter(~pl.col("open").is_between(pl.col("low"), pl.col("high"))).is_empty()
    change = found["price"] - found["previous_close"]
    assert ((found["change"] - change).abs() < 1e-4).all()
    percent = 100 * change / found["previous_close"]
    assert ((found["change_percent"] - percent).abs() < 1e-4).all()
    days = found.group_by("symbol", "day", maintain_order=True)
    assert days.agg(pl.col("volume").diff().min() >= 0)["volume"].all()
    assert days.agg(pl.col("high").diff().min() >= 0)["high"].all()


def test_the_previous_close_is_the_last_price_of_the_day_before() -> None:
    found = frame(symbols=5, days=2, records=0, anomalies=0, seed=5)
    first, second = found.partition_by("day", maintain_order=True)
    closes = dict(first.group_by("symbol", maintain_order=True).agg(pl.col("price").last()).rows())
    assert dict(second.select("symbol", "previous_close").unique().rows()) == closes


def test_prices_lie_on_the_exchanges_grid_and_above_zero() -> None:
    assert ticked(np.array([12.3456, 7.0, 0.98766, 0.0])).tolist() == [12.35, 7.0, 0.9877, 0.0001]
    found = frame(symbols=100, records=40_000, seed=9)
    assert (found["price"] > 0).all()
    dear = found.filter(pl.col("price") >= 1)["price"]
    assert (dear.round(2) == dear).all()


def test_volume_and_volatility_are_higher_at_open_and_close_than_at_noon() -> None:
    found = frame(symbols=60, days=5, records=0, anomalies=0, seed=3)
    price, volume = wide(found, "price"), wide(found, "volume")
    shape = (5, STEPS, 60)
    moves = np.diff(np.log(price.reshape(shape)), axis=1)
    traded = np.diff(volume.reshape(shape), axis=1)
    ends, noon = (slice(0, 60), slice(330, 389)), slice(165, 225)
    for edge in ends:
        assert 2 < traded[:, edge].mean() / traded[:, noon].mean() < 6
        assert 1.2 < moves[:, edge].std() / moves[:, noon].std() < 2.5


def test_symbols_move_together_and_most_within_a_sector() -> None:
    found = frame(symbols=60, days=5, records=0, anomalies=0, seed=3)
    moves = np.diff(np.log(wide(found, "price").reshape(5, STEPS, 60)), axis=1).reshape(-1, 60)
    together = np.corrcoef(moves.T)
    sector = np.arange(60) % 6
    same = (sector[:, None] == sector[None, :]) & ~np.eye(60, dtype=bool)
    other = sector[:, None] != sector[None, :]
    assert 0.15 < together[other].mean() < 0.45
    assert together[same].mean() > together[other].mean() + 0.05


def test_a_day_moves_a_share_by_one_or_two_percent_and_with_fat_tails() -> None:
    found = frame(symbols=60, days=5, records=0, anomalies=0, seed=3)
    moves = np.diff(np.log(wide(found, "price").reshape(5, STEPS, 60)), axis=1)
    daily = moves.sum(axis=1).std()
    assert 0.008 < daily < 0.03
    own = (moves - moves.mean(axis=2, keepdims=True)).ravel()
    kurtosis = np.mean((own / own.std()) ** 4)
    assert kurtosis > 3.5


def test_the_days_shape_has_mean_one() -> None:
    assert smile(390, 0.4, 0, 390).mean() == pytest.approx(1, abs=1e-4)
    assert smile(390, 0.4, 100, 5).tolist() == smile(390, 0.4, 0, 390)[100:105].tolist()


def day_times(start: str, days: int) -> list[list[str]]:
    """The first and last minute of each session."""
    found = frame(symbols=1, days=days, records=0, anomalies=0, start=start)
    parts = found.partition_by("day", maintain_order=True)
    return [[part["timestamp"][0], part["timestamp"][-1]] for part in parts]


def test_the_session_follows_the_exchanges_clock_into_summer_time() -> None:
    # Clocks in New York went forward on Sunday the 9th.
    assert day_times("2025-03-07", 2) == [
        ["2025-03-07T14:30:00Z", "2025-03-07T20:59:00Z"],
        ["2025-03-10T13:30:00Z", "2025-03-10T19:59:00Z"],
    ]


def test_and_out_of_it() -> None:
    # Clocks in New York went back on Sunday the 2nd.
    assert day_times("2025-10-31", 2) == [
        ["2025-10-31T13:30:00Z", "2025-10-31T19:59:00Z"],
        ["2025-11-03T14:30:00Z", "2025-11-03T20:59:00Z"],
    ]


def test_weekends_are_skipped_also_at_the_start() -> None:
    assert [first[:10] for first, _ in day_times("2025-01-04", 6)] == [
        f"2025-01-{day:02d}" for day in (6, 7, 8, 9, 10, 13)
    ]


def test_another_exchange_has_its_own_hours() -> None:
    found = rows(symbols=1, days=1, records=0, timezone="Asia/Tokyo", opens="09:00", closes="15:30")
    assert found[0]["timestamp"] == "2025-01-06T00:00:00Z"
    assert (
        len(rows(symbols=1, days=1, records=0, anomalies=0, opens="09:00", closes="15:30")) == 390
    )


def test_parts_of_a_second_are_kept() -> None:
    found = [row["timestamp"] for row in rows(symbols=1, records=3, interval_s=0.25)]
    assert found == [f"2025-01-06T14:30:00.{part}Z" for part in ("000", "250", "500")]


def test_ticks_come_in_the_order_of_time() -> None:
    source = SyntheticSource(symbols=7, records=6_000, anomalies=2.0)
    times = np.concatenate([ticks.times for ticks in source.batches()])
    assert (np.diff(times) >= 0).all()


def test_times_are_those_of_the_rows() -> None:
    (ticks,) = SyntheticSource(symbols=1, records=2).batches()
    first = datetime(2025, 1, 6, 14, 30, tzinfo=UTC)
    assert ticks.times.tolist() == [
        int((first + timedelta(minutes=n)).timestamp() * 1e6) for n in (0, 1)
    ]


def test_names_can_be_given() -> None:
    assert [row["symbol"] for row in rows(symbols="AAA, BBB", records=3)] == ["AAA", "BBB", "AAA"]


def test_made_up_tickers_are_six_letters_and_differ() -> None:
    names = tickers(1000)
    assert len(set(names)) == 1000
    assert all(len(name) == 6 and name.isalpha() for name in names[:460])


# Anomalies: the same market with and without them, side by side.


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The market without anomalies, with them, and their truth."""
    path = str(tmp_path_factory.mktemp("truth") / "truth.parquet")
    settings: dict[str, Any] = {"symbols": 40, "days": 2, "records": 0, "seed": 8}
    clean = frame(**settings, anomalies=0)
    odd = frame(**settings, anomalies=1.5, truth=path)
    return clean, odd, pl.read_parquet(path)


def around(
    pair: tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame], kind: str
) -> list[tuple[dict[str, Any], pl.DataFrame]]:
    """Each anomaly of a kind, with the clean and the odd market side by side from one minute
    before it to one after it, a gap's minutes missing from the odd one."""
    clean, odd, truths = pair
    both = clean.join(odd, on=["symbol", "at"], how="left", suffix="_odd").sort("symbol", "at")
    found = []
    for row in truths.filter(pl.col("kind") == kind).iter_rows(named=True):
        low, high = (row[end] + timedelta(minutes=n) for end, n in (("start", -1), ("end", 1)))
        mine = both.filter((pl.col("symbol") == row["symbol"]) & pl.col("at").is_between(low, high))
        found.append((row, mine))
    assert len(found) >= 5
    return found


def ratio(window: pl.DataFrame) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The odd price over the clean one, from its value before the anomaly on."""
    both = (window["price_odd"] / window["price"]).to_numpy()
    return np.asarray(both / both[0], dtype=float)


def test_every_kind_of_anomaly_happens(pair: Any) -> None:
    truths = pair[2]
    assert set(truths["kind"]) == {kind.name for kind in KINDS}
    assert 80 < len(truths) < 160
    assert truths.equals(truths.sort("start", "symbol"))


def test_a_spike_is_one_price_off_the_path(pair: Any) -> None:
    for row, window in around(pair, "spike"):
        path = ratio(window)
        assert row["start"] == row["end"]
        assert path[1] == pytest.approx(1 + row["size"], abs=2e-3)
        if len(path) > 2:
            assert path[2] == pytest.approx(1, abs=2e-3)


def test_a_level_shift_stays(pair: Any) -> None:
    for row, window in around(pair, "level_shift"):
        assert ratio(window)[1:] == pytest.approx(1 + row["size"], abs=2e-3)


def test_a_drift_gets_there_in_half_an_hour(pair: Any) -> None:
    for row, window in around(pair, "drift"):
        path = np.log(ratio(window))
        assert row["end"] - row["start"] == timedelta(minutes=29)
        assert path[30] == pytest.approx(np.log1p(row["size"]), abs=2e-3)
        assert path[15] == pytest.approx(np.log1p(row["size"]) / 2, abs=2e-3)


def test_a_volume_burst_multiplies_what_trades(pair: Any) -> None:
    for row, window in around(pair, "volume_burst"):
        clean, odd = (window[name].diff()[1:6].sum() for name in ("volume", "volume_odd"))
        assert odd == pytest.approx(clean * row["size"], rel=1e-3)


def test_a_stuck_quote_repeats_the_one_before_it(pair: Any) -> None:
    for row, window in around(pair, "stuck"):
        frozen = window[:21].select("price_odd", "high_odd", "low_odd", "volume_odd")
        assert frozen.unique().height == 1
        assert row["size"] == 1200


def test_a_gap_has_no_ticks(pair: Any) -> None:
    for row, window in around(pair, "gap"):
        inside = window.filter(pl.col("at").is_between(row["start"], row["end"]))
        assert inside["price_odd"].is_null().all()
        assert inside.height == row["size"] / 60 == 15
        assert window["price_odd"].null_count() == 15


def test_anomalies_of_a_symbol_do_not_touch(pair: Any) -> None:
    truths = pair[2].sort("symbol", "start")
    before = truths.with_columns(until=pl.col("end").shift(1).over("symbol")).drop_nulls()
    assert (before["start"] - before["until"] > timedelta(minutes=1)).all()


def test_where_nothing_was_injected_nothing_differs(pair: Any) -> None:
    clean, odd, truths = pair
    untouched = set(clean["symbol"]) - set(truths["symbol"])
    assert untouched
    for symbol in untouched:
        assert clean.filter(symbol=symbol).equals(odd.filter(symbol=symbol))


def test_truth_holds_only_what_had_begun_when_the_tape_ended(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    found = frame(symbols=40, records=4_000, seed=8, anomalies=3.0, truth=str(path))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert {"symbol", "start", "end", "kind", "size"} == set(lines[0])
    last = found["timestamp"].max()
    assert max(line["end"] for line in lines) == last
    assert all(line["start"] <= line["end"] for line in lines)


def test_a_tape_that_is_left_early_leaves_its_truth(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    tape = SyntheticSource(symbols=40, records=0, anomalies=3.0, truth=str(path)).batches()
    next(tape)
    tape.close()  # type: ignore[attr-defined]
    assert path.read_text()
    assert [file.name for file in tmp_path.iterdir()] == ["truth.jsonl"]


def test_truth_is_the_same_in_both_forms(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.parquet", "b.jsonl")]
    for path in paths:
        rows(symbols=5, days=1, records=0, anomalies=2.0, truth=path)
    table = pl.read_parquet(paths[0])
    lines = pl.read_ndjson(paths[1]).with_columns(
        pl.col("start", "end").str.to_datetime(time_unit="us", time_zone="UTC")
    )
    assert table.equals(lines)
    assert pq.read_table(paths[0]).schema == truth.SCHEMA


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"symbols": 0}, "symbols = 0: a number from 1"),
        ({"symbols": "A,,B"}, "symbols = A,,B: a number from 1, or different names"),
        ({"symbols": "A,A"}, "different names"),
        ({"records": -1}, "records = -1: must not be negative"),
        ({"interval_s": 0}, "interval_s = 0: at least 0.001"),
        ({"interval_s": 3600}, "a session has 7 steps, anomalies need 10"),
        ({"anomalies": 7}, "anomalies = 7: at most 6"),
        ({"start": "06/01/2025"}, "start = '06/01/2025': write a date such as 2025-01-06"),
        ({"timezone": "Mars"}, "timezone = 'Mars': write an IANA time zone"),
        ({"opens": "17:00"}, "opens = 17:00: must lie before closes"),
        ({"truth": "truth.csv"}, r"truth = truth.csv: the name must end in .parquet"),
        ({"truth": "no/such/t.jsonl"}, "there is no folder no/such"),
    ],
)
def test_a_wrong_setting_is_answered_with_a_sentence(
    settings: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SourceError, match=sentence):
        SyntheticSource(**settings)


def test_a_long_interval_is_fine_without_anomalies() -> None:
    assert len(rows(symbols=1, days=1, records=0, interval_s=3600, anomalies=0)) == 7


def test_a_session_has_at_most_six_slots() -> None:
    assert [slots(steps) for steps in (9, 10, 59, 60, 23_400)] == [0, 1, 5, 6, 6]


def test_days_end_the_tape() -> None:
    found = frame(symbols=50, days=3, anomalies=0)
    assert found["day"].unique().sort().to_list() == [date(2025, 1, n) for n in (6, 7, 8)]
    assert found.height == 3 * STEPS * 50


def test_records_and_days_end_it_together_and_10000_ticks_without_either() -> None:
    assert len(rows(symbols=50, days=3, records=100)) == 100
    assert len(rows(symbols=50, days=1, records=1_000_000, anomalies=0)) == STEPS * 50
    assert len(rows()) == 10_000
