from __future__ import annotations

import gc
import io
import random
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.site import Site
from kcl_app.core.contract import Batch, Sink
from kcl_app.core.cut import ObjectEntry
from kcl_app.core.lake import object_key
from kcl_app.core.schema import TABLES
from sinks.parquet import ParquetSink
from sinks.placement import Misplaced
from sinks.samples import anomaly, bar, cut, reject, tick
from sinks.testing import SinkContract


def opened(site: Site, **settings: Any) -> ParquetSink:
    sink = ParquetSink(**settings)
    sink.site = site
    sink.open()
    return sink


def bodies(site: Site) -> dict[str, bytes]:
    """What stands in the lake, by key below the prefix."""
    s3 = site.client("s3")
    listed = s3.list_objects_v2(Bucket=site.bucket, Prefix=site.prefix).get("Contents", [])
    keys = [item["Key"] for item in listed]
    return {
        key.removeprefix(site.prefix): s3.get_object(Bucket=site.bucket, Key=key)["Body"].read()
        for key in keys
    }


def rows(site: Site, table: str) -> list[dict[str, Any]]:
    return [
        row
        for key, body in sorted(bodies(site).items())
        if key.startswith(f"{table}/")
        for row in pq.ParquetFile(io.BytesIO(body)).read().to_pylist()
    ]


def footers(site: Site) -> dict[str, pq.ParquetFile]:
    return {
        key.split("/")[0]: pq.ParquetFile(io.BytesIO(body)) for key, body in bodies(site).items()
    }


class TestParquetSink(SinkContract):
    @pytest.fixture(autouse=True)
    def storage(self, bucket: Site) -> None:
        self.site = bucket

    def make(self) -> Sink:
        sink = ParquetSink()
        sink.site = self.site
        return sink

    def read(self) -> Iterable[Any]:
        return [
            (key, pq.read_table(io.BytesIO(b)).to_pylist()) for key, b in bodies(self.site).items()
        ]


@pytest.fixture
def whole(bucket: Site) -> Site:
    """A lake that holds one cut with rows of every table."""
    opened(bucket).write(cut([tick(1), tick(2)], [anomaly(1)], [reject(3)], [bar(1)]))
    return bucket


def test_a_footer_has_the_schema_exactly_nullability_decimals_and_metadata_included(
    whole: Site,
) -> None:
    for table, file in footers(whole).items():
        assert file.schema_arrow.equals(TABLES[table].arrow, check_metadata=True)


def test_times_are_int64_microseconds_in_utc_with_statistics(whole: Site) -> None:
    column = footers(whole)["ticks"].metadata.row_group(0).column(1)
    assert column.path_in_schema == "timestamp"
    assert column.physical_type == "INT64"
    logical = str(column.statistics.logical_type)
    assert "isAdjustedToUTC=true, timeUnit=microseconds" in logical
    assert column.statistics.min == tick(1)["timestamp"]
    assert column.statistics.max == tick(2)["timestamp"]


def test_every_column_is_zstd_and_only_those_of_few_values_have_a_dictionary(whole: Site) -> None:
    group = footers(whole)["ticks"].metadata.row_group(0)
    columns = [group.column(n) for n in range(group.num_columns)]
    assert {column.compression for column in columns} == {"ZSTD"}
    coded = {c.path_in_schema for c in columns if c.has_dictionary_page}
    assert coded == {
        *("symbol", "kind", "source", "flags", "severity", "shard"),
        *("exchange_date", "exchange_hour", "exchange_minute"),
    }


def test_every_column_that_has_values_has_statistics(whole: Site) -> None:
    for file in footers(whole).values():
        group = file.metadata.row_group(0)
        assert all(group.column(n).is_stats_set for n in range(group.num_columns))


def test_objects_stand_where_the_record_says_and_nowhere_else(bucket: Site) -> None:
    batch = cut([tick(1), tick(90_000)], [anomaly(1)], [reject(3)], [bar(1)])
    opened(bucket).write(batch)
    assert batch.cut is not None
    assert set(bodies(bucket)) == {object_key(batch.cut, entry) for entry in batch.cut.objects}


def test_symbols_never_reach_a_key(bucket: Site) -> None:
    opened(bucket).write(cut([tick(1, symbol="../../BRK/B?é\n")], bars=[bar(1, symbol="a/b=c")]))
    assert all(
        set(key) <= set("abcdefghijklmnopqrstuvwxyzHEADI0123456789-_=./") for key in bodies(bucket)
    )
    assert rows(bucket, "ticks")[0]["symbol"] == "../../BRK/B?é\n"


def test_rows_stand_by_symbol_and_time_and_ties_as_they_came(bucket: Site) -> None:
    at = tick(5)["timestamp"]
    came = [tick(9), tick(5, price=1.0), tick(6, symbol="AMD"), tick(7, timestamp=at, price=2.0)]
    opened(bucket).write(cut(came))
    stored = [(row["symbol"], row["timestamp"], row["price"]) for row in rows(bucket, "ticks")]
    assert stored == [
        ("AMD", tick(6)["timestamp"], 100.06),
        ("FB", at, 1.0),
        ("FB", at, 2.0),
        ("FB", tick(9)["timestamp"], 100.09),
    ]


def test_the_first_and_the_last_year_are_stored_as_they_are(bucket: Site) -> None:
    early = datetime(1990, 1, 1, tzinfo=UTC)
    late = datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    opened(bucket).write(cut([tick(1, timestamp=early), tick(2, timestamp=late)]))
    assert [row["timestamp"] for row in rows(bucket, "ticks")] == [early, late]
    dates = [key.split("/")[1] for key in sorted(bodies(bucket))]
    assert dates == ["dt=1990-01-01", "dt=2099-12-31"]


def test_a_day_is_the_utc_date_up_to_its_last_microsecond(bucket: Site) -> None:
    last = datetime(2025, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    first = datetime(2025, 2, 1, tzinfo=UTC)
    opened(bucket).write(cut([tick(1, timestamp=last), tick(2, timestamp=first)]))
    assert [key.split("/")[1] for key in sorted(bodies(bucket))] == [
        "dt=2025-01-31",
        "dt=2025-02-01",
    ]


def test_values_come_back_as_they_were(bucket: Site) -> None:
    exact = Decimal("123456789012345678901234.00000000000001")
    given = cut(
        [tick(1, price=0.1 + 0.2, volume=-0.0, source="", id=None, sequence="0049" + "7" * 52)],
        rejects=[reject(2, data=bytes(range(256)))],
        bars=[bar(1, notional=exact, vwap=None)],
    )
    opened(bucket).write(given)
    for name, table in given.tables.items():
        wanted = table.select(TABLES[name].arrow.names).to_pylist()
        assert rows(bucket, name) == wanted


def test_a_second_writer_with_other_values_changes_nothing(bucket: Site) -> None:
    opened(bucket).write(cut([tick(1)], bars=[bar(1)]))
    before = bodies(bucket)
    opened(bucket).write(cut([tick(1, sma_5=99.0)], bars=[bar(1, close=1.0)]))
    assert bodies(bucket) == before


def test_a_derived_object_without_rows_of_ours_is_put_empty(bucket: Site) -> None:
    """The record's first writer had a bar there; ours has none, yet the object must stand."""
    batch = cut([tick(1)], bars=[bar(1)])
    opened(bucket).write(Batch(batch.shard, {"ticks": batch.table("ticks")}, batch.cut))
    assert rows(bucket, "bars") == []
    assert footers(bucket)["bars"].schema_arrow.equals(TABLES["bars"].arrow)


def test_derived_rows_that_the_record_does_not_list_are_not_written(bucket: Site) -> None:
    batch = cut([tick(1)])
    more = {**batch.tables, "bars": cut(bars=[bar(1)]).table("bars")}
    opened(bucket).write(Batch(batch.shard, more, batch.cut))
    assert {key.split("/")[0] for key in bodies(bucket)} == {"ticks"}


def test_bars_of_two_intervals_stand_apart(bucket: Site) -> None:
    opened(bucket).write(cut(bars=[bar(1), bar(1, interval="5m"), bar(61)]))
    partitions = sorted(key.rsplit("/", 1)[0] for key in bodies(bucket))
    assert partitions == ["bars/interval=1m/dt=2025-01-31", "bars/interval=5m/dt=2025-01-31"]


@pytest.mark.parametrize("rows_listed", [1, 3])
def test_ticks_that_differ_from_the_record_in_number_stop_the_shard(
    bucket: Site, rows_listed: int
) -> None:
    batch = cut([tick(1), tick(2)])
    assert batch.cut is not None
    entry = ObjectEntry("ticks", "2025-01-31", rows_listed)
    wrong = Batch(batch.shard, batch.tables, _with_objects(batch, entry))
    with pytest.raises(Misplaced, match=f"lists {rows_listed} rows of ticks.* has 2"):
        opened(bucket).write(wrong)
    assert bodies(bucket) == {}


def test_ticks_on_another_date_than_the_record_says_stop_the_shard(bucket: Site) -> None:
    batch = cut([tick(1)])
    wrong = Batch(
        batch.shard, batch.tables, _with_objects(batch, ObjectEntry("ticks", "2025-02-01", 1))
    )
    with pytest.raises(Misplaced, match="1 rows of ticks on 2025-02-01, the batch has 0"):
        opened(bucket).write(wrong)


def test_ticks_of_a_date_that_the_record_does_not_list_are_not_dropped_silently(
    bucket: Site,
) -> None:
    batch = cut([tick(1), tick(90_000)])
    wrong = Batch(
        batch.shard, batch.tables, _with_objects(batch, ObjectEntry("ticks", "2025-01-31", 1))
    )
    with pytest.raises(Misplaced, match="lists 1 rows of ticks, the batch has 2"):
        opened(bucket).write(wrong)
    assert bodies(bucket) == {}


def test_a_null_where_none_may_be_stops_the_shard_and_puts_nothing(bucket: Site) -> None:
    batch = cut([tick(1)])
    table = batch.table("ticks")
    broken = table.set_column(2, table.schema.field(2), pa.nulls(1, pa.float64()))
    with pytest.raises(ValueError, match="price"):
        opened(bucket).write(Batch(batch.shard, {"ticks": broken}, batch.cut))
    assert bodies(bucket) == {}


def test_an_object_above_five_megabytes_is_one_whole_put(bucket: Site) -> None:
    """awswrangler would send it in parts, and complete it even where a part is lost."""
    noise = random.Random(1).randbytes(6_000_000)
    opened(bucket).write(cut(rejects=[reject(1, data=noise)]))
    assert rows(bucket, "rejects")[0]["data"] == noise
    opened(bucket).write(cut(rejects=[reject(1, data=noise[:10])]))
    assert rows(bucket, "rejects")[0]["data"] == noise


def test_metadata_says_which_cut_and_which_values(whole: Site) -> None:
    s3 = whole.client("s3")
    key = next(key for key in bodies(whole) if key.startswith("ticks/"))
    head = s3.head_object(Bucket=whole.bucket, Key=whole.prefix + key)
    assert head["Metadata"] == {"cut-digest": "0" * 32, "rows": "2", "values": "samples"}


def test_a_missing_bucket_is_said_with_its_remedy(site: Site) -> None:
    with pytest.raises(RuntimeError, match="tapeline apply makes it"):
        opened(site)


def test_nothing_is_printed_also_where_a_put_is_refused(
    bucket: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    opened(bucket).write(cut([tick(1)]))
    opened(bucket).write(cut([tick(1)]))
    gc.collect()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("settings", [{"parallel": 0}, {"level": 23}])
def test_settings_out_of_range_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        ParquetSink(**settings)


def _with_objects(batch: Batch, *entries: ObjectEntry) -> Any:
    assert batch.cut is not None
    return msgspec.structs.replace(batch.cut, objects=entries)
