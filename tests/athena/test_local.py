"""The local engine at its borders: pruning, evolution, strangers' files, doors shut."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from athena.answer import QueryError
from athena.local import LocalEngine
from athena.parameters import ParameterError, Value
from config.site import Site
from kcl_app.core.schema import TABLES
from tests.athena.lake import bar, put, tick, write

DAY = dt.date(2025, 3, 10)


def column(engine: LocalEngine, sql: str, **params: Value) -> list[object]:
    values: list[object] = engine.answer(sql, params).table.column(0).to_pylist()
    return values


@pytest.fixture
def long_lake(lake: Site) -> Site:
    """40 days, one tick and one bar of two intervals each."""
    days = [DAY + dt.timedelta(days=n) for n in range(40)]
    write(lake, "ticks", [tick("A", f"{day}T15:00:00", 1.0) for day in days])
    for interval in ("1m", "1h"):
        write(lake, "bars", [bar("A", f"{day}T15:00:00", 1.0) for day in days], interval)
    return lake


def test_a_filter_on_days_opens_only_their_objects(long_lake: Site) -> None:
    answer = LocalEngine(long_lake).answer(
        "select count(*) from ticks where dt between :from and :to",
        {"from": "2025-03-12", "to": "2025-03-14"},
    )
    assert answer.table.column(0).to_pylist() == [3]
    assert answer.stats.objects == 3


def test_a_filter_reaches_through_the_view_to_interval_and_days(long_lake: Site) -> None:
    answer = LocalEngine(long_lake).answer(
        'select count(*) from bars_final where "interval" = :interval and dt = :day',
        {"interval": "1h", "day": "2025-03-12"},
    )
    assert answer.table.column(0).to_pylist() == [1]
    assert answer.stats.objects == 1


def test_bytes_scanned_are_those_of_the_objects_opened(lake: Site) -> None:
    rows = pa.Table.from_pylist([tick("A", "2025-03-10T15:00:00", 1.0)], TABLES["ticks"].arrow)
    key = put(lake, "ticks", DAY, rows)
    put(lake, "ticks", DAY + dt.timedelta(days=1), rows)
    size = lake.client("s3").head_object(Bucket=lake.bucket, Key=key)["ContentLength"]
    answer = LocalEngine(lake).answer("select * from ticks where dt = :day", {"day": str(DAY)})
    assert answer.stats.bytes_scanned == size


def test_an_older_object_without_a_column_reads_as_null(lake: Site) -> None:
    rows = pa.Table.from_pylist([tick("OLD", "2025-03-10T15:00:00", 1.0)], TABLES["ticks"].arrow)
    put(lake, "ticks", DAY, rows.drop_columns(["severity", "line"]))
    write(lake, "ticks", [tick("NEW", "2025-03-10T15:00:01", 1.0, severity="low")])
    sql = "select symbol, severity, line from ticks order by symbol"
    assert LocalEngine(lake).answer(sql, {}).table.to_pylist() == [
        {"symbol": "NEW", "severity": "low", "line": 0},
        {"symbol": "OLD", "severity": None, "line": None},
    ]


def test_an_older_object_with_narrower_numbers_is_widened(lake: Site) -> None:
    rows = pa.Table.from_pylist([bar("A", "2025-03-10T15:00:00", 1.0)], TABLES["bars"].arrow)
    narrow = rows.set_column(
        rows.column_names.index("ticks"), "ticks", rows["ticks"].cast(pa.int32())
    )
    put(lake, "bars", DAY, narrow)
    table = LocalEngine(lake).answer("select ticks from bars", {}).table
    assert table.schema.field("ticks").type == pa.int64()
    assert table.column(0).to_pylist() == [1]


def test_only_the_table_s_own_objects_are_read(lake: Site) -> None:
    write(lake, "ticks", [tick("A", "2025-03-10T15:00:00", 1.0)])
    for key in ("ticks/dt=2025-03-10/_SUCCESS", "ticks/stray.parquet", "ticks_old/dt=2025-03-10/x"):
        lake.client("s3").put_object(Bucket=lake.bucket, Key=lake.prefix + key, Body=b"no parquet")
    assert column(LocalEngine(lake), "select count(*) from ticks") == [1]


def test_an_object_that_is_no_parquet_is_named(lake: Site) -> None:
    key = f"{lake.prefix}ticks/dt=2025-03-10/broken.parquet"
    lake.client("s3").put_object(Bucket=lake.bucket, Key=key, Body=b"no parquet at all")
    with pytest.raises(QueryError, match=r"broken\.parquet"):
        LocalEngine(lake).answer("select * from ticks", {})


def test_a_lake_that_is_not_there_is_said(site: Site) -> None:
    with pytest.raises(QueryError, match=site.bucket):
        LocalEngine(site).answer("select * from ticks", {})


def test_times_keep_their_microseconds(lake: Site) -> None:
    write(lake, "ticks", [tick("A", "2025-03-10T15:00:00.123456", 1.0)])
    got = column(LocalEngine(lake), 'select "timestamp" from ticks')
    assert got == [dt.datetime(2025, 3, 10, 15, 0, 0, 123456)]


def test_a_table_may_be_named_with_its_database(lake: Site) -> None:
    database = lake.settings.catalog.database
    assert column(LocalEngine(lake), f'select count(*) from "{database}".ticks') == [0]


def test_an_unknown_table_is_answered_with_the_nearest(lake: Site) -> None:
    with pytest.raises(QueryError, match="did you mean ticks"):
        LocalEngine(lake).answer("select * from tickz", {})


@pytest.mark.parametrize(
    "table",
    [
        "information_schema.tables",
        "duckdb_settings",
        "'/etc/passwd'",
        '"/etc/passwd"',
        "other.ticks",
    ],
)
def test_nothing_but_the_lake_can_be_read(lake: Site, table: str) -> None:
    with pytest.raises(QueryError):
        LocalEngine(lake).answer(f"select * from {table}", {})


@pytest.mark.parametrize(
    "call",
    [
        "read_csv('/etc/passwd')",
        "read_parquet('/tmp/x')",
        "read_text('/etc/passwd')",
        "glob('/*')",
        "duckdb_secrets()",
        "pragma_version()",
        "table(exclude_columns(input => table(ticks), columns => descriptor(price)))",
    ],
)
def test_no_function_opens_a_file(lake: Site, call: str) -> None:
    with pytest.raises(QueryError):
        LocalEngine(lake).answer(f"select * from {call}", {})


@pytest.mark.parametrize("call", ["getenv('HOME')", "current_setting('threads')", "query('x')"])
def test_no_function_tells_of_the_machine(lake: Site, call: str) -> None:
    with pytest.raises(QueryError, match="not translated"):
        LocalEngine(lake).answer(f"select {call}", {})


def test_two_statements_are_not_one_question(lake: Site) -> None:
    with pytest.raises(QueryError, match="one question"):
        LocalEngine(lake).answer("select 1; select 2", {})


def test_a_trailing_semicolon_is_no_second_statement(lake: Site) -> None:
    assert column(LocalEngine(lake), "select 1;") == [1]


def test_sql_that_is_none_says_where(lake: Site) -> None:
    with pytest.raises(QueryError, match="line 2"):
        LocalEngine(lake).answer("select 1\nfrom from from", {})


def test_sql_nested_beyond_reading_is_refused(lake: Site) -> None:
    with pytest.raises(QueryError, match="nested"):
        LocalEngine(lake).answer("select " + "(" * 20_000 + "1" + ")" * 20_000, {})


def test_sql_longer_than_athena_takes_is_refused(lake: Site) -> None:
    with pytest.raises(ParameterError, match="longer"):
        LocalEngine(lake).answer("select '" + "x" * 262_144 + "'", {})


def test_a_question_that_takes_too_long_is_ended(lake: Site) -> None:
    forever = "select count(*) from " + ", ".join(
        f"unnest(array[{','.join(['1'] * 99)}]) as t{n}(x{n})" for n in range(8)
    )
    with pytest.raises(QueryError, match="no answer within"):
        LocalEngine(lake, timeout_s=0.2).answer(forever, {})


INJECTIONS = [
    "A' or '1'='1",
    "A'; drop table ticks; --",
    "' union select data from rejects --",
    "\\' or 1=1 --",
    "$p_symbol",
    ":symbol",
    "A/*",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_a_parameter_is_a_value_and_never_sql(lake: Site, text: str) -> None:
    write(lake, "ticks", [tick("A", "2025-03-10T15:00:00", 1.0)])
    write(lake, "ticks", [tick(text, "2025-03-10T15:00:00", 2.0)])
    engine = LocalEngine(lake)
    sql = "select price from ticks where symbol = :symbol"
    assert column(engine, sql, symbol=text) == [2.0]
    assert column(engine, "select :text", text=text) == [text]


def test_a_parameter_without_a_value_is_named(lake: Site) -> None:
    with pytest.raises(ParameterError, match="--param symbol=VALUE"):
        LocalEngine(lake).answer("select :symbol", {})


def test_a_week_back_from_a_day_is_said_with_a_cast(long_lake: Site) -> None:
    answer = LocalEngine(long_lake).answer(
        "select count(*) from ticks where cast(dt as date) > :to - interval '7' day"
        " and cast(dt as date) <= :to",
        {"to": dt.date(2025, 3, 31)},
    )
    assert answer.table.column(0).to_pylist() == [7]
