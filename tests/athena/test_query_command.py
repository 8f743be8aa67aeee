"""``tapeline query`` as a person and a script meet it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner, Result

from athena.library import questions
from cli.answers import exact, write
from cli.query import register
from config.site import Site
from tests.athena.lake import tick
from tests.athena.lake import write as store

Run = Callable[..., Result]


@pytest.fixture
def run(lake: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``tapeline query`` against the lake."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    register(app)
    where = lake.settings
    pairs = {
        "endpoint_url": where.endpoint_url,
        "lake.bucket": where.lake.bucket,
        "lake.prefix": where.lake.prefix,
    }
    flags = [text for k, v in pairs.items() for text in ("--set", f"{k}={v}")]

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, [*flags, *arguments], input=stdin)

    return invoke


@pytest.fixture
def ticks(lake: Site) -> None:
    rows = [
        tick(
            "ABC", "2025-03-10T14:00:00.123456", 1234.5, previous_close=1000.0, change_percent=23.45
        ),
        tick("XYZ", "2025-03-11T14:00:00", 0.1),
    ]
    store(lake, "ticks", rows)


SQL = 'select symbol, "timestamp", price, change_percent, dt from ticks order by symbol'


def test_without_a_name_the_questions_are_listed(run: Run) -> None:
    result = run()
    assert result.exit_code == 0
    for name in questions():
        assert name in result.stdout


def test_a_wrong_name_is_wrong_usage_and_names_the_nearest(run: Run) -> None:
    result = run("avarage_volume")
    assert result.exit_code == 2
    assert "did you mean average_volume" in result.stderr


@pytest.mark.usefixtures("ticks")
def test_csv_has_exact_values_and_times_in_utc(run: Run) -> None:
    result = run("--sql", "-", "--format", "csv", stdin=SQL)
    assert result.exit_code == 0
    assert result.stdout.replace("\r\n", "\n") == (
        '"symbol","timestamp","price","change_percent","dt"\n'
        '"ABC","2025-03-10T14:00:00.123456Z",1234.5,23.45,"2025-03-10"\n'
        '"XYZ","2025-03-11T14:00:00Z",0.1,,"2025-03-11"\n'
    )


@pytest.mark.usefixtures("ticks")
def test_json_is_a_list_of_rows(run: Run) -> None:
    result = run("--sql", "-", "--format", "json", stdin=SQL)
    assert json.loads(result.stdout) == [
        {
            "symbol": "ABC",
            "timestamp": "2025-03-10T14:00:00.123456Z",
            "price": 1234.5,
            "change_percent": 23.45,
            "dt": "2025-03-10",
        },
        {
            "symbol": "XYZ",
            "timestamp": "2025-03-11T14:00:00Z",
            "price": 0.1,
            "change_percent": None,
            "dt": "2025-03-11",
        },
    ]


def test_json_without_rows_is_an_empty_list(run: Run) -> None:
    assert json.loads(run("first_ten", "--format", "json").stdout) == []


@pytest.mark.usefixtures("ticks")
def test_parquet_goes_to_a_file_with_its_types(run: Run, tmp_path: Path) -> None:
    result = run("--sql", "-", "--output", "answer.parquet", stdin=SQL)
    assert result.exit_code == 0
    table = pq.read_table(tmp_path / "answer.parquet")
    assert table["price"].to_pylist() == [1234.5, 0.1]
    assert table.schema.field("dt").type == pa.string()


def test_parquet_on_the_terminal_is_wrong_usage(run: Run) -> None:
    result = run("first_ten", "--format", "parquet")
    assert result.exit_code == 2
    assert "--output" in result.stderr


@pytest.mark.usefixtures("ticks")
def test_an_answer_that_fails_leaves_the_file_as_it_was(run: Run, tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text("before")
    result = run("--sql", "-", "-o", "answer.json", stdin="select price, price from ticks")
    assert result.exit_code == 1
    assert "two columns are called price" in result.stderr
    assert (tmp_path / "answer.json").read_text() == "before"
    assert [f.name for f in tmp_path.iterdir()] == ["answer.json"]


@pytest.mark.usefixtures("ticks")
def test_a_table_shows_so_many_rows_and_says_so(run: Run) -> None:
    result = run("first_ten", "--rows", "1")
    assert "ABC" in result.stdout
    assert "XYZ" not in result.stdout
    assert "1 of 2 rows; --rows 0 shows all" in result.stdout


@pytest.mark.usefixtures("ticks")
def test_numbers_of_a_table_end_in_one_column(run: Run) -> None:
    lines = run("--sql", "-", stdin="select price from ticks order by price").stdout.splitlines()
    numbers = [line for line in lines if line.strip() in ("0.1", "1,234.5")]
    assert [line.index(line.strip()) + len(line.strip()) for line in numbers] == [8, 8]


@pytest.mark.usefixtures("ticks")
def test_from_and_to_choose_the_days(run: Run) -> None:
    result = run("first_ten", "--from", "2025-03-11", "--to", "2025-03-11", "--format", "json")
    assert [row["symbol"] for row in json.loads(result.stdout)] == ["XYZ"]


@pytest.mark.usefixtures("ticks")
def test_without_from_and_to_the_days_of_the_lake_are_said(run: Run) -> None:
    assert "days 2025-03-10 to 2025-03-11" in run("first_ten").stderr


@pytest.mark.usefixtures("ticks")
def test_a_parameter_of_one_s_own_sql_has_the_type_it_declares(run: Run) -> None:
    sql = "-- Dear ones\n-- :least double = 1000\nselect symbol from ticks where price > :least"
    assert json.loads(run("--sql", "-", "-f", "json", stdin=sql).stdout) == [{"symbol": "ABC"}]
    more = run("--sql", "-", "-f", "json", "-p", "least=2000", stdin=sql)
    assert json.loads(more.stdout) == []


WRONG = [
    (("bars",), "--param symbol=VALUE"),
    (("bars", "-p", "symbol"), "NAME=VALUE"),
    (("bars", "-p", "sym=A"), "did you mean symbol"),
    (("large_changes", "-p", "percent=lots"), "percent = 'lots' is not a number"),
    (("first_ten", "--from", "yesterday"), "a day such as 2025-01-31"),
    (("first_ten", "--format", "xml"), "table, csv, json, parquet"),
    (("first_ten", "--sql", "x.sql"), "not both"),
    (("first_ten", "--engine", "spark"), "athena or duckdb"),
    (("--sql", "missing.sql"), "missing.sql"),
    (("first_ten", "--set", "lake.buckt=x"), "lake.bucket"),
]


@pytest.mark.parametrize(("arguments", "said"), WRONG)
def test_wrong_usage_ends_with_2_and_the_remedy(
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_sql_that_is_refused_ends_with_1_and_the_construct(run: Run) -> None:
    result = run("--sql", "-", stdin="select width_bucket(1, 2, 3, 4)")
    assert result.exit_code == 1
    assert "width_bucket" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_lake_that_is_not_there_ends_with_1_and_a_sentence(run: Run) -> None:
    result = run("first_ten", "--set", "lake.bucket=no-such-lake")
    assert result.exit_code == 1
    assert "no-such-lake" in result.stderr
    assert "tapeline apply" in result.stderr


def test_no_sql_at_all_is_wrong_usage(run: Run) -> None:
    assert run("--sql", "-", stdin="  \n").exit_code == 2


def test_explain_shows_what_each_engine_would_run(run: Run) -> None:
    sql = "select date_diff('day', dt, :to) as age from ticks"
    local = run("--sql", "-", "--explain", stdin=sql)
    assert "DATESUB('day', dt, $p_to)" in local.stdout
    remote = run("--sql", "-", "--explain", "--engine", "athena", stdin=sql)
    assert remote.stdout.strip() == "select date_diff('day', dt, ?) as age from ticks"


def test_a_table_shows_control_characters_as_none(tmp_path: Path) -> None:
    write(pa.table({"x": ["a\x1b[31mb\n"]}), "table", tmp_path / "t", 0)
    assert (
        "a\N{REPLACEMENT CHARACTER}[31mb\N{REPLACEMENT CHARACTER}" in (tmp_path / "t").read_text()
    )


def test_a_wide_table_in_a_file_is_not_folded(tmp_path: Path) -> None:
    write(pa.table({f"column_{n}": ["x" * 20] for n in range(20)}), "table", tmp_path / "t", 0)
    lines = (tmp_path / "t").read_text().splitlines()
    assert sum("x" * 20 in line for line in lines) == 1


def test_csv_tells_a_null_from_empty_text(tmp_path: Path) -> None:
    write(pa.table({"a": ["", None], "b": [1, 2]}), "csv", tmp_path / "t", 0)
    assert (tmp_path / "t").read_bytes() == b'"a","b"\r\n"",1\r\n,2\r\n'


def test_csv_keeps_commas_quotes_and_lines(tmp_path: Path) -> None:
    text = 'a "b", c\r\nd'
    write(pa.table({"a": [text]}), "csv", tmp_path / "t", 0)
    rows = list(csv.reader(io.StringIO((tmp_path / "t").read_bytes().decode(), newline="")))
    assert rows == [["a"], [text]]


def test_values_are_exact_and_have_no_nan() -> None:
    assert exact(dt.datetime(2025, 1, 31, 10, tzinfo=dt.timezone(-dt.timedelta(hours=5)))) == (
        "2025-01-31T15:00:00Z"
    )
    assert exact(float("nan")) is None
    assert exact(b"\xff\0") == "/wA="
    assert exact([("a", 1)]) == [["a", 1]]
