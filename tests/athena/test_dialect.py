"""Trino's answers, written out, against what the local engine answers.

Sources: the examples and rules of Trino's function reference (mathematical,
string, date and time, aggregate and conversion functions, and the decimal type).
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from athena.answer import NotTranslated, QueryError
from athena.local import LocalEngine

T = "timestamp '2025-03-10 14:30:15.250'"
A = "timestamp '2025-01-01 00:00:00'"
D = "date '2025-03-10'"

ANSWERS: list[tuple[str, Any]] = [
    # whole numbers divide to whole numbers, towards zero
    ("5 / 2", 2),
    ("(0 - 5) / 2", -2),
    ("5 % 3", 2),
    ("mod(-5, 3)", -2),
    ("5e0 / 2", 2.5),
    ("(select sum(x) / count(*) from (values 1, 2) v(x))", 1),
    ("(select sum(x) / 4 from (values 1, 2, 7) v(x))", 2),
    ("(select count_if(x > 1) / 2 from (values 2, 3, 4) v(x))", 1),
    ("cast(1.0 as double) / 3", 1 / 3),
    # round half away from zero, also into whole numbers
    ("round(2.5e0)", 3.0),
    ("round(-2.5e0)", -3.0),
    ("round(3.14159e0, 2)", 3.14),
    ("cast(2.5e0 as bigint)", 3),
    ("cast(-2.5e0 as bigint)", -3),
    ("cast(3.5e0 as integer)", 4),
    ("cast(2.5 as bigint)", 3),
    ("cast('42' as bigint)", 42),
    ("try_cast('4x' as bigint)", None),
    ("try_cast('4.5' as integer)", None),
    ("try_cast('x' as double)", None),
    ("ceil(1.2e0)", 2.0),
    ("floor(-1.2e0)", -2.0),
    ("abs(-3)", 3),
    ("sqrt(16e0)", 4.0),
    ("power(2, 10)", 1024.0),
    ("1.10 + 2.205", Decimal("3.305")),
    ("1.5 * 2.25", Decimal("3.375")),
    # nulls
    ("greatest(1, null)", None),
    ("least(2, 1)", 1),
    ("concat('a', null)", None),
    ("'a' || null", None),
    ("coalesce(null, 2)", 2),
    ("nullif(1, 1)", None),
    ("if(false, 1)", None),
    ("1 is distinct from null", True),
    ("null is not distinct from null", True),
    ("(select count(x) from (values 1, null) v(x))", 1),
    ("(select max_by(x, y) from (values (null, 3), (1, 2)) v(x, y))", None),
    ("(select min_by(x, y) from (values ('b', 3), ('a', 2)) v(x, y))", "a"),
    ("(select array_agg(x order by x) from (values 2, null, 1) v(x))", [1, 2, None]),
    ("(select stddev(x) from (values 1) v(x))", None),
    ("(select stddev(x) from (values 1, 3) v(x))", 2**0.5),
    ("(select var_pop(x) from (values 1, 3) v(x))", 1.0),
    ("(select avg(x) from (values 1, 2) v(x))", 1.5),
    ("(select avg(distinct x) from (values 1, 1, 2) v(x))", 1.5),
    ("(select sum(x) from (values 1.25, 2.5) v(x))", Decimal("3.75")),
    ("(select sum(x) filter (where x > 1) from (values 1, 2, 3) v(x))", 5),
    # units of time are whole ones, not borders crossed
    ("date_diff('hour', timestamp '2025-01-01 10:59:00', timestamp '2025-01-01 12:00:00')", 1),
    ("date_diff('day', timestamp '2025-01-01 23:00:00', timestamp '2025-01-02 01:00:00')", 0),
    ("date_diff('day', date '2020-03-01', date '2020-03-02')", 1),
    (
        "date_diff('second', timestamp '2020-03-01 00:00:00', timestamp '2020-03-02 00:00:00')",
        86400,
    ),
    ("date_diff('month', date '2024-01-31', date '2024-02-29')", 1),
    ("date_diff('minute', timestamp '2025-01-01 10:00:30', timestamp '2025-01-01 09:59:00')", -1),
    (
        f"date_diff('millisecond', {A}, timestamp '2025-01-01 00:00:01.5')",
        1500,
    ),
    # a date stays a date
    (f"{D} + interval '2' day", dt.date(2025, 3, 12)),
    (f"{D} - interval '1' month", dt.date(2025, 2, 10)),
    (f"date_add('day', 1, {D})", dt.date(2025, 3, 11)),
    (f"date_add('month', -1, {D})", dt.date(2025, 2, 10)),
    (f"date_trunc('month', {D})", dt.date(2025, 3, 1)),
    (f"date_trunc('week', {D} + interval '3' day)", dt.date(2025, 3, 10)),
    ("date '2025-01-31' + interval '1' month", dt.date(2025, 2, 28)),
    (f"cast({T} as date)", dt.date(2025, 3, 10)),
    (f"date({T})", dt.date(2025, 3, 10)),
    (f"date_add('hour', 2, {T})", dt.datetime(2025, 3, 10, 16, 30, 15, 250_000)),
    (f"{T} + interval '30' second", dt.datetime(2025, 3, 10, 14, 30, 45, 250_000)),
    (f"date_trunc('hour', {T})", dt.datetime(2025, 3, 10, 14)),
    # parts: ISO weekdays and weeks
    ("day_of_week(date '2025-03-09')", 7),
    (f"dow({D})", 1),
    ("week(date '2027-01-01')", 53),
    (f"day_of_year({D})", 69),
    (f"extract(hour from {T})", 14),
    (f"hour({T})", 14),
    (f"minute({T})", 30),
    (f"second({T})", 15),
    (f"quarter({D})", 1),
    # text of times
    (f"format_datetime({T}, 'yyyy-MM-dd HH:mm:ss.SSS')", "2025-03-10 14:30:15.250"),
    (f"format_datetime({T}, 'd MMM yy, h:mm a')", "10 Mar 25, 2:30 PM"),
    (f"format_datetime({T}, 'yyyy''T''HH ''o''''clock'' 100%')", "2025T14 o'clock 100%"),
    (f"format_datetime({T}, 'EEE EEEE')", "Mon Monday"),
    (f"date_format({T}, '%Y-%m-%d %H:%i:%s')", "2025-03-10 14:30:15"),
    (f"date_format({T}, '%M %e, %h %p')", "March 10, 02 PM"),
    (f"to_iso8601({D})", "2025-03-10"),
    ('to_iso8601(max("timestamp")) from ticks', "2025-03-10T14:30:15.250"),
    ('cast(max("timestamp") as varchar) from ticks', "2025-03-10 14:30:15.250"),
    (f"cast({D} as varchar)", "2025-03-10"),
    ("cast(1.50 as varchar)", "1.50"),
    ("cast(true as varchar)", "true"),
    ("cast(12 as varchar)", "12"),
    (
        "parse_datetime('2025-03-10 14:30', 'yyyy-MM-dd HH:mm')",
        dt.datetime(2025, 3, 10, 14, 30, tzinfo=dt.UTC),
    ),
    ("date_parse('2025-03-10 14:30:00', '%Y-%m-%d %H:%i:%s')", dt.datetime(2025, 3, 10, 14, 30)),
    ("to_unixtime(timestamp '1970-01-02 00:00:00')", 86400.0),
    (
        "from_unixtime(1741617015250 / 1e3)",
        dt.datetime(2025, 3, 10, 14, 30, 15, 250_000, tzinfo=dt.UTC),
    ),
    # text
    ("substr('hello', 2, 3)", "ell"),
    ("length('日本')", 2),
    ("strpos('high', 'g')", 3),
    ("position('gh' in 'high')", 3),
    ("replace('a-b', '-', '')", "ab"),
    ("lpad('7', 3, '0')", "007"),
    ("lpad('tape', 2, '0')", "ta"),
    ("'a_c' like 'a\\_c' escape '\\'", True),
    ("'abc' like 'a_c'", True),
    ("'it''s'", "it's"),
    ("regexp_like('1a 2b 14m', '[0-9]+b')", True),
    ("'a' < 'B'", False),
    ("starts_with('tapeline', 'tape')", True),
    # arrays and maps
    ("cardinality(array[1, 2, 3])", 3),
    ("element_at(array[1, 2], 5)", None),
    ("element_at(array['a', 'b'], 2)", "b"),
    ("(select map_agg(k, v) from (values ('a', 1)) t(k, v))", [("a", 1)]),
    ("(select sum(x) from unnest(array[1, 2, 3]) as t(x))", 6),
]


def value(engine: LocalEngine, expression: str) -> Any:
    table = engine.answer(f"select {expression}", {}).table
    assert (table.num_rows, table.num_columns) == (1, 1)
    return table.column(0)[0].as_py()


@pytest.mark.parametrize(("expression", "answer"), ANSWERS, ids=[e for e, _ in ANSWERS])
def test_the_local_engine_answers_as_trino_does(
    engine: LocalEngine, expression: str, answer: Any
) -> None:
    got = value(engine, expression)
    assert got == (pytest.approx(answer, rel=1e-15) if isinstance(answer, float) else answer)
    assert type(got) is type(answer)


ROWS: list[tuple[str, list[tuple[Any, ...]]]] = [
    ("select x from (values 2, null, 1) v(x) order by x", [(1,), (2,), (None,)]),
    ("select x from (values 2, null, 1) v(x) order by x desc", [(2,), (1,), (None,)]),
    ("select x from (values 1, 2, 3) v(x) order by x offset 1 limit 1", [(2,)]),
    (
        "select x, lag(x) ignore nulls over (order by y) from (values (1, 1), (null, 2), (3, 3)) "
        "v(x, y) order by y",
        [(1, None), (None, 1), (3, 1)],
    ),
    (
        "select x, sum(x) over (order by x rows between 1 preceding and current row) "
        "from (values 1, 2, 3) v(x) order by 1",
        [(1, 1), (2, 3), (3, 5)],
    ),
    (
        "select k, sum(v) from (values ('a', 1), ('b', 2)) t(k, v) group by rollup(k) "
        "order by k nulls first",
        [(None, 3), ("a", 1), ("b", 2)],
    ),
    (
        "with a as (select 1 as x union all select 2) select a.x, b.y from a "
        "left join (values (2, 'b')) b(x, y) on a.x = b.x order by 1",
        [(1, None), (2, "b")],
    ),
    ("select x, y from (values 1) a(x) cross join unnest(array[7, 8]) as u(y)", [(1, 7), (1, 8)]),
    (
        "select x, row_number() over (partition by x order by y desc) as n "
        "from (values (1, 1), (1, 2)) v(x, y) order by n",
        [(1, 1), (1, 2)],
    ),
    (
        "select x from (values 1, 2) v(x) where x in (select 2) or exists (select 1 where false)",
        [(2,)],
    ),
    ("select 1 except select 1", []),
    (
        "select date_trunc('day', x) as x, count(*) from (values timestamp '2025-01-01 01:00:00', "
        "timestamp '2025-01-01 02:00:00') v(x) group by x",
        [(dt.datetime(2025, 1, 1), 1), (dt.datetime(2025, 1, 1), 1)],
    ),
    ("select -x as x from (values 1, 2) v(x) order by x", [(-2,), (-1,)]),
    ("select x + 1 as y, y from (values (1, 10)) v(x, y)", [(2, 10)]),
    ("select -x as x from (values 1, 2) v(x) where x > 0 order by 1", [(-2,), (-1,)]),
    ("select distinct x from (values 1, 1) v(x)", [(1,)]),
]


@pytest.mark.parametrize(("sql", "rows"), ROWS, ids=[sql for sql, _ in ROWS])
def test_the_local_engine_gives_trino_s_rows(
    engine: LocalEngine, sql: str, rows: list[tuple[Any, ...]]
) -> None:
    table = engine.answer(sql, {}).table
    columns = [column.to_pylist() for column in table.columns]
    assert list(zip(*columns, strict=True)) == rows


def test_columns_without_a_name_are_named_as_athena_names_them(engine: LocalEngine) -> None:
    table = engine.answer("select count(*), 1 as one, max(symbol) from ticks", {}).table
    assert table.column_names == ["_col0", "one", "_col2"]


def test_a_sum_of_whole_numbers_is_a_bigint(engine: LocalEngine) -> None:
    table = engine.answer("select sum(x) as s from (values 1, 2) v(x)", {}).table
    assert str(table.schema.field("s").type) == "int64"


def test_an_approximate_percentile_is_near(engine: LocalEngine) -> None:
    got = engine.answer(
        "select approx_percentile(cast(x as double), 0.5) from (values 1, 2, 3, 4, 5) v(x)", {}
    ).table
    assert got.column(0)[0].as_py() == pytest.approx(3.0, abs=0.5)


REFUSED: list[tuple[str, str]] = [
    ("select \"timestamp\" at time zone 'America/New_York' from ticks", "AT TIME ZONE"),
    ("select * from unnest(array[1], array[2]) as t(a, b)", "UNNEST of two arrays"),
    ("select * from unnest(array[1]) with ordinality as t(a, b)", "WITH ORDINALITY"),
    ("select width_bucket(price, 0, 10, 5) from ticks", "width_bucket"),
    ("select numeric_histogram(5, price) from ticks", "numeric_histogram"),
    ('select "$path" from ticks', "$path"),
    ("select row(1, 2)", "row"),
    ("select array[1, 2][1]", "subscript"),
    ("select array_agg(price)[1] from ticks", "subscript"),
    ("select random()", "rand"),
    ("select typeof(1)", "typeof"),
    ("select log(10, 1000)", "log"),
    ("select regexp_extract('abc', 'x')", "regexp_extract"),
    ("select split_part('a,b', ',', 3)", "split_part"),
    ("select trim(symbol) from ticks", "trim"),
    ("select substr(symbol, 0) from ticks", "substr"),
    ("select try(1 / 0)", "try"),
    ("select format_datetime(\"timestamp\", 'yyyy-ww') from ticks", "ww"),
    ('select format_datetime("timestamp", symbol) from ticks', "literal"),
    ("select date_format(\"timestamp\", '%v') from ticks", "%v"),
    ('select extract(dow from "timestamp") from ticks', "extract"),
    ("select timestamp '2025-01-01 00:00:00 America/New_York'", "zone"),
    ("select timestamp '2025-01-01 00:00:00+01:00'", "zone"),
    ("select to_iso8601(timestamp '2025-01-01 00:00:00')", "literal time"),
    ("select cast(price as real) from ticks", "cast to real"),
    ("select cast(symbol as varchar(2)) from ticks", "varchar of a length"),
    ("select date '2025-01-01' + interval '1' hour", "date moved by hour"),
    ("select interval '1-2' year to month", "INTERVAL"),
    ("select x from (values 1) v(x) fetch first 1 rows with ties", "FETCH"),
    ("select * from ticks tablesample bernoulli (10)", "TABLESAMPLE"),
    (
        "with recursive t(n) as (select 1 union all select n + 1 from t) select n from t",
        "RECURSIVE",
    ),
    ("select approx_percentile(price, array[0.1, 0.9]) from ticks", "approx_percentile"),
    ("select from_unixtime(1, 'UTC')", "from_unixtime"),
    ("select -x as x from (values 1, 2) v(x) order by x + 0", "alias x"),
    ("create table x as select 1 as a", "CREATE"),
    ("drop table ticks", "DROP"),
    ("insert into ticks select * from ticks", "INSERT"),
    ("delete from ticks", "DELETE"),
    ("unload (select 1) to 's3://b/x' with (format = 'PARQUET')", "UNLOAD"),
    ("show tables", "SHOW"),
    ("describe ticks", "DESCRIBE"),
    ("explain select 1", "EXPLAIN"),
    ("set session x = 1", "SET"),
    ("use other", "USE"),
    ("copy ticks to 'x.csv'", "COPY"),
    ("attach 'x.db'", "ATTACH"),
    ("pragma version", "PRAGMA"),
    (
        'select * from ticks match_recognize (partition by symbol order by "timestamp" '
        "measures last(a.price) as p pattern (a b) define b as b.price > a.price)",
        "MATCH_RECOGNIZE",
    ),
]


@pytest.mark.parametrize(("sql", "named"), REFUSED, ids=[sql[:60] for sql, _ in REFUSED])
def test_what_cannot_be_kept_is_refused_by_name(engine: LocalEngine, sql: str, named: str) -> None:
    with pytest.raises(NotTranslated) as refused:
        engine.answer(sql, {})
    assert named.lower() in str(refused.value).lower()
    assert "--engine athena" in str(refused.value)


FAILS: list[tuple[str, str]] = [
    ("select 1.0 / 3", "division of decimals"),
    ("select 5 / 2.0", "division of decimals"),
    ("select sum(notional) / count(*) from bars", "division of decimals"),
    ("select avg(notional) from bars", "avg of a decimal"),
    ("select cast(price as varchar) from ticks", "cast of a double to varchar"),
    ("select cast(price as decimal(10, 2)) from ticks", "cast of a double to decimal"),
    ("select date '2025-01-02' - date '2025-01-01'", "date_diff"),
    (
        "select coalesce(exchange_date, exchange_date) + interval '1' day from ticks",
        "cast(... as date)",
    ),
    (
        "select a.dt + interval '1' day from (select \"timestamp\" as dt from ticks) a",
        "as timestamp",
    ),
    ("select date_trunc('month', a.dt) from (select start as dt from bars) a", "as timestamp"),
    ("select cast('4.5' as bigint)", "not one"),
    ("select 1 / 0", "zero"),
    ("select timestamp '2025-01-02 00:00:00' - timestamp '2025-01-01 00:00:00'", "INTERVAL"),
]


@pytest.mark.parametrize(("sql", "said"), FAILS, ids=[sql for sql, _ in FAILS])
def test_what_only_the_types_tell_is_refused_too(engine: LocalEngine, sql: str, said: str) -> None:
    with pytest.raises(QueryError) as refused:
        engine.answer(sql, {})
    assert said in str(refused.value)
