from __future__ import annotations

import datetime as dt

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from athena.answer import QueryError
from athena.library import named, question
from athena.parameters import Parameter, ParameterError, Value, literal, placeholders


def test_a_parameter_in_text_a_name_or_a_comment_is_none() -> None:
    sql = "select ':a', \":b\" -- :c\n from t /* :d */ where x = :e and y = :from"
    assert placeholders(sql).names == ("e", "from")


def test_the_sql_around_parameters_stays_as_written() -> None:
    sql = "select  1 -- why\nwhere a=:x  and b = :x"
    assert placeholders(sql).spelt(lambda name: "?") == "select  1 -- why\nwhere a=?  and b = ?"


@pytest.mark.parametrize("sql", ["select ?", "select @x"])
def test_a_parameter_has_a_name(sql: str) -> None:
    with pytest.raises(ParameterError, match=":symbol"):
        placeholders(sql)


def test_text_without_its_end_is_said() -> None:
    with pytest.raises(ParameterError, match="not SQL"):
        placeholders("select 'abc")


LITERALS: list[tuple[Value, str]] = [
    ("ABC", "'ABC'"),
    ("it's", "'it''s'"),
    ("'", "''''"),
    (5, "5"),
    (-5, "-5"),
    (5.0, "5.0e0"),
    (1e-7, "1e-07"),
    (dt.date(2025, 1, 31), "DATE '2025-01-31'"),
    (dt.datetime(2025, 1, 31, 15, 4, 5), "TIMESTAMP '2025-01-31 15:04:05.000000'"),
]


@pytest.mark.parametrize(("value", "spelt"), LITERALS)
def test_a_value_is_spelt_as_athena_s_literal(value: Value, spelt: str) -> None:
    assert literal(value) == spelt


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_text_is_spelt_as_one_literal_of_itself(text: str) -> None:
    [select] = sqlglot.parse(f"select {literal(text)}", read="trino")
    assert select is not None
    [only] = select.expressions
    assert isinstance(only, exp.Literal)
    assert (only.is_string, only.this) == (True, text)


READ: list[tuple[str, str, Value]] = [
    ("text", "ABC", "ABC"),
    ("integer", "12", 12),
    ("double", "1.5", 1.5),
    ("day", "2025-01-31", "2025-01-31"),
    ("date", "2025-01-31", dt.date(2025, 1, 31)),
    ("timestamp", "2025-01-31T15:04:05", dt.datetime(2025, 1, 31, 15, 4, 5)),
    ("timestamp", "2025-01-31T10:04:05-05:00", dt.datetime(2025, 1, 31, 15, 4, 5)),
]


@pytest.mark.parametrize(("kind", "text", "value"), READ)
def test_a_parameter_is_read_as_its_type(kind: str, text: str, value: Value) -> None:
    assert Parameter("x", kind).read(text) == value


WRONG = [
    ("integer", "1.5"),
    ("integer", "9223372036854775808"),
    ("double", "nan"),
    ("double", "inf"),
    ("double", "many"),
    ("day", "2025-02-30"),
    ("date", "2025-02-30"),
    ("date", "2025-01-31T10:00"),
    ("timestamp", "noon"),
    ("text", "a\0b"),
    ("text", "x" * 1001),
]


@pytest.mark.parametrize(("kind", "text"), WRONG)
def test_what_is_not_of_the_type_is_refused_by_name(kind: str, text: str) -> None:
    with pytest.raises(ParameterError, match="limit = "):
        Parameter("limit", kind).read(text)


def test_a_question_s_comment_is_its_title_words_and_parameters() -> None:
    asked = question(
        "mine",
        "-- The title\n-- Some words\n-- and more.\n-- :n integer = 5; how many\n"
        "select :n, :other, :from",
    )
    assert (asked.title, asked.doc) == ("The title", "Some words and more.")
    assert asked.parameters == {
        "n": Parameter("n", "integer", "how many", "5"),
        "other": Parameter("other", "text"),
        "from": Parameter("from", "day", "first dt to read", "first day"),
    }


def test_a_type_that_is_none_is_answered_with_those_there_are() -> None:
    with pytest.raises(ParameterError, match="text, integer, double, day, date, timestamp"):
        question("mine", "-- :n int = 5\nselect :n")


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(QueryError, match="did you mean highest_high_per_hour"):
        named("highest_high")


def test_a_name_may_be_written_with_dashes() -> None:
    assert named("first-ten").name == "first_ten"
