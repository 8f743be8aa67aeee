"""The Athena dialect as DuckDB's: check, rewrite, write out.

Where the meaning cannot be kept, NotTranslated names the construct.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import TokenType

from athena.allowed import check, refused
from athena.answer import QueryError
from athena.parameters import Value, placeholders
from athena.rewrites import rewrite

QUESTIONS = {"SELECT", "WITH", "VALUES"}
PREFIX = "p_"
"""Leads every parameter's name in DuckDB's SQL, so that ``:from`` is no keyword."""


def translate(
    sql: str, tables: Collection[str], database: str = "", dates: Collection[str] = ()
) -> str:
    """DuckDB's SQL for ``sql``, with ``:name`` as ``$p_name``.

    ``dates`` are the parameters of type date. Raises NotTranslated, QueryError
    or ParameterError.
    """
    tree = _parsed(placeholders(sql).spelt(lambda name: f":{PREFIX}{name}"))
    check(tree)
    _only_tables(tree, tables, database)
    _name_columns(tree)
    return rewrite(tree, {PREFIX + name for name in dates}).sql(
        "duckdb", comments=False, pretty=True
    )


def tables_in(sql: str) -> frozenset[str]:
    """The names after FROM and JOIN in DuckDB's SQL ``sql``, CTEs among them."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    return frozenset(table.name.lower() for table in tree.find_all(exp.Table))


def bindings(params: Mapping[str, Value]) -> dict[str, Value]:
    return {PREFIX + name: value for name, value in params.items()}


def _parsed(sql: str) -> exp.Query:
    _only_questions(sql)
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="trino") if tree]
    except (ParseError, TokenError) as wrong:
        raise QueryError(f"not SQL in the Athena dialect: {_first(wrong)}") from None
    except RecursionError:
        raise QueryError("the SQL is nested too deeply to be read") from None
    if len(trees) != 1:
        raise QueryError(f"{len(trees)} statements: ask one question at a time")
    if not isinstance(trees[0], exp.Query):
        raise refused(f"{type(trees[0]).__name__} as a statement")
    return trees[0]


def _only_questions(sql: str) -> None:
    words = (t.text.upper() for t in Trino().tokenize(sql) if t.token_type != TokenType.L_PAREN)
    if (first := next(words, "")) not in QUESTIONS:
        raise refused(f"{first or 'nothing'} (only SELECT, WITH and VALUES ask a question)")


def _first(wrong: Exception) -> str:
    if isinstance(wrong, ParseError) and wrong.errors:
        at = wrong.errors[0]
        return f"{at['description']} at line {at['line']}, column {at['col']}"
    return str(wrong).splitlines()[0]


def _only_tables(tree: exp.Expr, tables: Collection[str], database: str) -> None:
    """Nothing but the lake's tables and the question's own CTEs may be read."""
    local = {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        name = table.name.lower()
        inside = not table.db or table.db.lower() == database.lower()
        if inside and name in tables:
            table.set("db", None)
            table.set("catalog", None)
        elif not (inside and name in local):
            near = difflib.get_close_matches(name, list(tables), n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(tables)}"
            raise QueryError(f"no table {table.sql('trino')}; {hint}")


def _name_columns(tree: exp.Expr) -> None:
    """Name what has no name as Athena does: ``_col0``, ``_col1``."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    if not isinstance(select, exp.Select) or any(e.is_star for e in select.expressions):
        return
    named = [
        e
        if e.alias_or_name and isinstance(e, exp.Alias | exp.Column)
        else exp.alias_(e, f"_col{i}")
        for i, e in enumerate(select.expressions)
    ]
    select.set("expressions", named)
