"""The Athena engine over real HTTP, as botocore writes and reads it."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from athena.answer import QueryError
from athena.engines import engine
from athena.local import LocalEngine
from athena.remote import AthenaEngine
from config.load import nested, restore
from config.site import Site
from tests.athena.fake_athena import FakeAthena, serving


def settings(**more: str) -> Site:
    return Site(
        restore(json.dumps(nested({k.replace("__", "."): v for k, v in more.items()})).encode())
    )


@pytest.fixture
def asking() -> Iterator[Callable[..., tuple[AthenaEngine, FakeAthena]]]:
    with ExitStack() as stack:

        def make(**answers: Any) -> tuple[AthenaEngine, FakeAthena]:
            fake = stack.enter_context(serving(FakeAthena(**answers)))
            site = settings(
                endpoint_url=fake.url,
                lake__results_bucket="results",
                catalog__database="market",
                catalog__workgroup="analysts",
            )
            return AthenaEngine(site, sleep=lambda seconds: None), fake

        yield make


Asking = Callable[..., tuple[AthenaEngine, FakeAthena]]
BIGINT = [{"Name": "n", "Type": "bigint"}]


def test_a_question_goes_to_the_workgroup_with_its_values_apart(asking: Asking) -> None:
    asked, fake = asking(columns=BIGINT, body=b'"n"\n"1"\n')
    asked.answer(
        "-- Mine\nselect count(*) as n from ticks where symbol = :s and dt >= :from "
        "and price > :p and ':s' <> :s;\n",
        {"s": "it's", "from": dt.date(2025, 1, 31), "p": 5.0, "unused": 1},
    )
    [start] = fake.named("StartQueryExecution")
    del start["ClientRequestToken"]
    assert start == {
        "QueryString": "-- Mine\nselect count(*) as n from ticks where symbol = ? and dt >= ? "
        "and price > ? and ':s' <> ?",
        "ExecutionParameters": ["'it''s'", "DATE '2025-01-31'", "5.0e0", "'it''s'"],
        "QueryExecutionContext": {"Database": "market", "Catalog": "AwsDataCatalog"},
        "WorkGroup": "analysts",
        "ResultConfiguration": {"OutputLocation": "s3://results/athena/"},
    }


def test_a_question_without_parameters_sends_none(asking: Asking) -> None:
    asked, fake = asking(columns=BIGINT, body=b'"n"\n"1"\n')
    asked.answer("select 1 as n", {})
    assert "ExecutionParameters" not in fake.named("StartQueryExecution")[0]


def test_the_answer_says_what_athena_scanned(asking: Asking) -> None:
    asked, _ = asking(columns=BIGINT, body=b'"n"\n"1"\n"2"\n')
    answer = asked.answer("select n", {})
    assert answer.table.to_pydict() == {"n": [1, 2]}
    assert (answer.stats.engine, answer.stats.bytes_scanned) == ("athena", 4096)
    assert answer.stats.query_id == "query-1"


TYPES: list[tuple[dict[str, Any], bytes, Any, pa.DataType]] = [
    ({"Type": "boolean"}, b'"true"', True, pa.bool_()),
    ({"Type": "integer"}, b'"-7"', -7, pa.int32()),
    ({"Type": "bigint"}, b'"9223372036854775807"', 9223372036854775807, pa.int64()),
    ({"Type": "double"}, b'"1.05E1"', 10.5, pa.float64()),
    ({"Type": "double"}, b'"-Infinity"', float("-inf"), pa.float64()),
    (
        {"Type": "decimal", "Precision": 38, "Scale": 14},
        b'"1.50000000000000"',
        Decimal("1.50000000000000"),
        pa.decimal128(38, 14),
    ),
    (
        {"Type": "varchar"},
        b'"a ""quoted"", text\nof two lines"',
        'a "quoted", text\nof two lines',
        pa.string(),
    ),
    ({"Type": "varchar"}, b'""', "", pa.string()),
    ({"Type": "varchar"}, b'"NaN"', "NaN", pa.string()),
    ({"Type": "date"}, b'"2025-01-31"', dt.date(2025, 1, 31), pa.date32()),
    (
        {"Type": "timestamp"},
        b'"2025-01-31 15:04:05.123"',
        dt.datetime(2025, 1, 31, 15, 4, 5, 123_000),
        pa.timestamp("us"),
    ),
    (
        {"Type": "timestamp with time zone"},
        b'"2025-01-31 15:04:05.123 UTC"',
        dt.datetime(2025, 1, 31, 15, 4, 5, 123_000, tzinfo=dt.UTC),
        pa.timestamp("us", "UTC"),
    ),
    (
        {"Type": "timestamp with time zone"},
        b'"2025-01-31 15:04:05.123 America/New_York"',
        "2025-01-31 15:04:05.123 America/New_York",
        pa.string(),
    ),
    ({"Type": "varbinary"}, b'"68 65 00"', b"he\0", pa.binary()),
    ({"Type": "array"}, b'"[1, 2]"', "[1, 2]", pa.string()),
]


@pytest.mark.parametrize(("described", "text", "value", "kind"), TYPES)
def test_a_value_has_athena_s_type(
    asking: Asking, described: dict[str, Any], text: bytes, value: Any, kind: pa.DataType
) -> None:
    # the second column keeps a row of one null from being an empty line
    columns = [{"Name": "x", **described}, {"Name": "row", "Type": "integer"}]
    asked, _ = asking(columns=columns, body=b'"x","row"\n' + text + b',"1"\n,"2"\n')
    column = asked.answer("select x", {}).table.column("x")
    assert column.to_pylist() == [value, None]
    assert column.type == kind


def test_a_null_alone_in_its_row_is_a_row(asking: Asking) -> None:
    asked, _ = asking(columns=BIGINT, body=b'"n"\n\n"2"\n')
    assert asked.answer("select n", {}).table.to_pydict() == {"n": [None, 2]}


def test_an_answer_without_rows_keeps_its_columns(asking: Asking) -> None:
    asked, _ = asking(columns=BIGINT, body=b'"n"\n')
    table = asked.answer("select n", {}).table
    assert (table.num_rows, table.schema.field("n").type) == (0, pa.int64())


def test_two_columns_of_one_name_both_come(asking: Asking) -> None:
    asked, _ = asking(columns=BIGINT * 2, body=b'"n","n"\n"1","2"\n')
    table = asked.answer("select n, n", {}).table
    assert [column.to_pylist() for column in table.columns] == [[1], [2]]


def test_a_failed_query_says_why(asking: Asking) -> None:
    asked, fake = asking(states=["FAILED"], reason="COLUMN_NOT_FOUND: line 1:8")
    with pytest.raises(QueryError, match="failed the query query-1: COLUMN_NOT_FOUND: line 1:8"):
        asked.answer("select x", {})
    assert fake.named("StopQueryExecution") == []


def test_a_refused_query_says_why(asking: Asking) -> None:
    asked, _ = asking(
        refusal={"__type": "InvalidRequestException", "message": "WorkGroup analysts is not found."}
    )
    with pytest.raises(QueryError, match="WorkGroup analysts is not found"):
        asked.answer("select 1", {})


def test_a_statement_that_is_no_question_is_said(asking: Asking) -> None:
    asked, _ = asking(kind="DDL", columns=BIGINT)
    with pytest.raises(QueryError, match="no question"):
        asked.answer("show tables", {})


def test_a_query_that_takes_too_long_is_stopped(asking: Asking) -> None:
    asked, fake = asking(states=["RUNNING"])
    ticking = iter(range(0, 10_000, 100))
    asked.now, asked.timeout_s = lambda: float(next(ticking)), 250
    with pytest.raises(QueryError, match="no answer within 250 s"):
        asked.answer("select 1", {})
    assert fake.named("StopQueryExecution") == [{"QueryExecutionId": "query-1"}]


def test_ctrl_c_stops_the_query(asking: Asking) -> None:
    asked, fake = asking(states=["RUNNING"])

    def pressed(seconds: float) -> None:
        raise KeyboardInterrupt

    asked.sleep = pressed
    with pytest.raises(KeyboardInterrupt):
        asked.answer("select 1", {})
    assert fake.named("StopQueryExecution") == [{"QueryExecutionId": "query-1"}]


def test_without_a_name_the_endpoint_decides_the_engine() -> None:
    assert isinstance(engine(settings(endpoint_url="http://127.0.0.1:1")), LocalEngine)
    assert isinstance(engine(settings()), AthenaEngine)
    assert isinstance(engine(settings(), "duckdb"), LocalEngine)


def test_an_unknown_engine_is_answered_with_those_there_are() -> None:
    with pytest.raises(QueryError, match="athena and duckdb"):
        engine(settings(), "spark")
