"""The schema as Glue tables, as a view and as a page."""

from __future__ import annotations

import base64
import json
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from config.settings import Market
from glue import docs
from glue.render import bars_final_columns, hive_type, raw_input, table_input, view_input
from glue.stack import view_sql
from kcl_app.core.cut import CutRecord, ObjectEntry, Place
from kcl_app.core.lake import object_key
from kcl_app.core.schema import TABLES

LAKE = "s3://lake/tape/"


@pytest.mark.parametrize(
    ("arrow", "hive"),
    [
        (pa.timestamp("us", tz="UTC"), "timestamp"),
        (pa.decimal128(38, 14), "decimal(38,14)"),
        (pa.string(), "string"),
        (pa.int32(), "int"),
        (pa.int64(), "bigint"),
        (pa.float64(), "double"),
        (pa.date32(), "date"),
        (pa.binary(), "binary"),
        (pa.bool_(), "boolean"),
    ],
)
def test_arrow_types_have_these_hive_types(arrow: pa.DataType, hive: str) -> None:
    assert hive_type(arrow) == hive


def test_a_type_without_a_hive_type_is_an_error_that_says_where_to_add_it() -> None:
    with pytest.raises(ValueError, match=r"list<item: string>.*glue/render.py"):
        hive_type(pa.list_(pa.string()))


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_a_valid_table_input(name: str) -> None:
    assert errors(table_input(TABLES[name], LAKE, Market())) == ""


def test_the_view_and_the_raw_table_are_valid_table_inputs() -> None:
    assert errors(view_input("v", "doc", "SELECT 1", "db", {"one": "int"})) == ""
    assert errors(raw_input("s3://raw/")) == ""


@pytest.mark.parametrize("name", TABLES)
def test_comments_and_descriptions_fit_what_glue_takes(name: str) -> None:
    table = table_input(TABLES[name], LAKE, Market())
    columns = table["StorageDescriptor"]["Columns"] + table["PartitionKeys"]
    assert max(len(c.get("Comment", "")) for c in columns) <= 255
    assert len(table["Description"]) <= 2048


@pytest.mark.parametrize(("name", "interval"), [("ticks", ""), ("bars", "5m")])
def test_a_projected_partition_is_where_the_sink_puts_its_objects(name: str, interval: str) -> None:
    record = CutRecord("life", "shard", after=Place("1"))
    entry = ObjectEntry(name, "2025-01-31", rows=1, interval=interval)
    template = table_input(TABLES[name], LAKE, Market())["Parameters"]["storage.location.template"]
    folder = template.replace("${dt}", "2025-01-31").replace("${interval}", interval)
    assert LAKE + object_key(record, entry) == f"{folder}{record.name}.parquet"


def test_dates_are_projected_over_the_years_that_are_accepted() -> None:
    market = Market(earliest_year=2001, latest_year=2044)
    parameters = table_input(TABLES["ticks"], LAKE, market)["Parameters"]
    assert parameters["projection.dt.range"] == "2001-01-01,2044-12-31"


def test_a_view_is_encoded_as_presto_does() -> None:
    view = view_input("v", "doc", "SELECT symbol FROM bars", "db", {"symbol": "string"})
    encoded = view["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    assert json.loads(base64.b64decode(encoded)) == {
        "originalSql": "SELECT symbol FROM bars",
        "catalog": "awsdatacatalog",
        "schema": "db",
        "columns": [{"name": "symbol", "type": "varchar"}],
    }


def test_the_view_declares_the_columns_that_its_question_returns() -> None:
    answer = bars_final([])
    assert answer.columns == list(bars_final_columns())


def test_the_highest_revision_of_a_part_is_its_value() -> None:
    rows = [
        bar(part="a", revision=1, close=10.0, volume=1.0, notional="10", ticks=1),
        bar(part="a", revision=2, close=11.0, volume=3.0, notional="32", ticks=3),
    ]
    (final,) = bars_final(rows).fetchall()
    answer = dict(zip(bars_final_columns(), final, strict=True))
    assert (answer["close"], answer["volume"], answer["ticks"]) == (11.0, 3.0, 3)


def test_parts_of_one_window_are_put_together() -> None:
    """Two shards saw one minute, as after a split:

    first_at  :00      :10      last_at   :40      :50
    part      b        a                  a        b
    open      20       (10)               (12)     22  close
    """
    second = "2025-01-31 14:30:{:02d}"
    rows = [
        bar(part="a", open=10.0, high=15.0, low=9.0, close=12.0, volume=2.0, notional="22",
            ticks=4, first_at=second.format(10), last_at=second.format(40)),
        bar(part="b", open=20.0, high=23.0, low=19.0, close=22.0, volume=1.0, notional="21",
            ticks=2, first_at=second.format(0), last_at=second.format(50)),
    ]  # fmt: skip
    (final,) = bars_final(rows).fetchall()
    answer = dict(zip(bars_final_columns(), final, strict=True))
    assert [answer[n] for n in ("open", "high", "low", "close")] == [20.0, 23.0, 9.0, 22.0]
    assert (answer["volume"], answer["ticks"], float(answer["notional"])) == (3.0, 6, 43.0)
    assert answer["vwap"] == 43 / 3


def test_parts_that_begin_and_end_at_once_are_ordered_by_position() -> None:
    at = "2025-01-31 14:30:05"
    rows = [
        bar(part="b", open=2.0, close=2.0, first_at=at, last_at=at),
        bar(part="a", open=1.0, close=1.0, first_at=at, last_at=at),
    ]
    (final,) = bars_final(rows).fetchall()
    answer = dict(zip(bars_final_columns(), final, strict=True))
    assert (answer["open"], answer["close"]) == (1.0, 2.0)


def test_a_window_without_volume_has_no_vwap() -> None:
    (final,) = bars_final([bar(volume=0.0, notional="0")]).fetchall()
    assert dict(zip(bars_final_columns(), final, strict=True))["vwap"] is None


def test_the_page_of_tables_is_current() -> None:
    assert docs.PAGE.read_text() == docs.page(), "run: python -m glue.docs"


def errors(table: dict[str, Any]) -> str:
    """What botocore's own validator says against it as Glue's TableInput."""
    model = ServiceModel(Loader().load_service_model("glue", "service-2"))
    shape = model.operation_model("CreateTable").input_shape
    assert shape is not None
    request = {"DatabaseName": "db", "TableInput": table}
    report: str = ParamValidator().validate(request, shape).generate_report()
    return report


def bar(**values: Any) -> dict[str, Any]:
    """A row of bars; ``values`` replace what is not told apart here."""
    minute = "2025-01-31 14:30:{:02d}"
    return {
        "symbol": "SW", "start": minute.format(0), "end": "2025-01-31 14:31:00",
        "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0, "volume": 1.0, "vwap": 1.0,
        "notional": "1", "ticks": 1, "first_at": minute.format(0), "last_at": minute.format(59),
        "part": "a", "revision": 1, "exchange_date": "2025-01-31", "exchange_hour": 9,
        "exchange_minute": 30, "shard": "s", "interval": "1m", "dt": "2025-01-31",
    } | values  # fmt: skip


def bars_final(rows: list[dict[str, Any]]) -> duckdb.DuckDBPyRelation:
    """The view's answer over these bars. Its SQL means the same in Athena and in DuckDB."""
    con = duckdb.connect()
    kinds = {c.name: duck_type(c.type) for c in TABLES["bars"].columns}
    kinds |= dict.fromkeys(TABLES["bars"].partitions, "VARCHAR")
    con.execute(f"CREATE TABLE bars ({', '.join(f'"{n}" {k}' for n, k in kinds.items())})")
    marks = ", ".join("?" for _ in kinds)
    for row in rows:
        con.execute(f"INSERT INTO bars VALUES ({marks})", [row[name] for name in kinds])
    return con.sql(view_sql("bars_final"))


def duck_type(kind: pa.DataType) -> str:
    plain = {"string": "VARCHAR", "timestamp": "TIMESTAMP", "int": "INTEGER"}
    hive = hive_type(kind)
    return plain.get(hive, hive.upper())
