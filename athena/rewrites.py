"""Rewrites of the syntax tree where DuckDB's own meaning differs from Trino's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sqlglot import exp

from athena import times
from athena.allowed import refused
from athena.patterns import joda
from athena.times import Node, call, only_stored, text, time_cast

WHOLE = {"TINYINT", "SMALLINT", "INT", "BIGINT"}
TARGETS = WHOLE | {"VARCHAR", "TEXT", "DOUBLE", "DECIMAL", "DATE", "TIMESTAMP"}


def rewrite(tree: exp.Expr, dates: set[str]) -> exp.Expr:
    """``tree`` as DuckDB must read it; ``dates`` are the parameters that are dates.

    Raises NotTranslated where the meaning cannot be kept.
    """
    steps = RULES

    def change(node: Node) -> Node:
        rule = steps.get(type(node))
        return rule(node, dates) if rule else node

    for node in reversed(list(tree.walk())):
        changed = change(node)
        if changed is not node:
            if node is tree:
                tree = changed
            else:
                node.replace(changed)
    return tree


def _division(node: exp.Div, dates: set[str]) -> Node:
    return call("athena_div", node.this.copy(), node.expression.copy())


def _average(node: exp.Avg, dates: set[str]) -> Node:
    inner = node.this
    if isinstance(inner, exp.Distinct):
        inner = inner.expressions[0]
    inner.replace(call("athena_not_decimal", inner.copy()))
    return node


def _extreme(name: str) -> Callable[[Node, set[str]], Node]:
    """max_by keeps a null of the first argument, as DuckDB's ``arg_max_null`` does."""

    def rule(node: Node, dates: set[str]) -> Node:
        if node.args.get("count"):
            raise refused("max_by or min_by of many")
        return call(name, node.this.copy(), node.expression.copy())

    return rule


def _cast(node: exp.Cast | exp.TryCast, dates: set[str]) -> Node:
    kind = node.to.this.value if isinstance(node.to.this, exp.DataType.Type) else "?"
    if kind not in TARGETS:
        raise refused(f"cast to {node.to.sql('trino').lower()}")
    if kind in ("DATE", "TIMESTAMP"):
        return time_cast(node, kind)
    if kind in ("VARCHAR", "TEXT"):
        return _text_cast(node)
    tried = isinstance(node, exp.TryCast)
    if kind in WHOLE:
        whole = call("athena_try_whole" if tried else "athena_whole", node.this.copy())
        return whole if kind == "BIGINT" else type(node)(this=whole, to=node.to.copy())
    if kind == "DECIMAL":
        guarded = call("athena_not_double", node.this.copy())
        return type(node)(this=guarded, to=node.to.copy())
    return node


def _text_cast(node: Node) -> Node:
    if node.to.expressions:
        raise refused("cast to varchar of a length")
    only_stored(node.this, "cast to varchar")
    return call("athena_text", node.this.copy())


def _named(node: exp.Anonymous, dates: set[str]) -> Node:
    arguments = [argument.copy() for argument in node.expressions]
    match node.name.lower(), arguments:
        case "format_datetime", [value, pattern]:
            return call("strftime", value, text(joda(pattern, "format_datetime")))
        case "to_iso8601", [value]:
            only_stored(value, "to_iso8601")
            return call("athena_iso8601", value)
    return node


def _substring(node: exp.Substring, dates: set[str]) -> Node:
    start = node.args.get("start")
    if not (isinstance(start, exp.Literal) and int(start.this) > 0):
        raise refused("substr that does not begin at a literal 1, 2, ...")
    return node


def _element(node: exp.Bracket, dates: set[str]) -> Node:
    if not node.args.get("safe"):
        raise refused(
            "a subscript (a[1] fails in Athena where there is no such element); element_at(a, 1)"
        )
    return node


def _percentile(node: exp.ApproxQuantile, dates: set[str]) -> Node:
    share = node.args.get("quantile")
    if not isinstance(share, exp.Literal) or node.args.get("weight"):
        raise refused("approx_percentile of other than one literal share")
    return node


def _length(node: exp.Length, dates: set[str]) -> Node:
    return call("athena_length", node.this.copy())


def _like(node: exp.RegexpLike, dates: set[str]) -> Node:
    pattern = node.expression
    if not (
        isinstance(pattern, exp.Literal) and re.fullmatch(r"[\w\s.*+|()\[\]^$-]*", pattern.this)
    ):
        raise refused("regexp_like with a pattern that is not a plain literal")
    return node


RULES: dict[type[exp.Expr], Callable[[Any, set[str]], Node]] = {
    exp.Add: times.moved,
    exp.Sub: times.moved,
    exp.Div: _division,
    exp.Avg: _average,
    exp.ArgMax: _extreme("arg_max_null"),
    exp.ArgMin: _extreme("arg_min_null"),
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Anonymous: _named,
    exp.DateAdd: times.date_add,
    exp.DateDiff: times.date_diff,
    exp.TimestampTrunc: times.truncated,
    exp.DateTrunc: times.truncated,
    exp.TimeToStr: times.date_format,
    exp.StrToTime: times.date_parse,
    exp.ParseDatetime: times.parse_datetime,
    exp.UnixToTime: times.from_unixtime,
    exp.Extract: times.extracted,
    exp.Substring: _substring,
    exp.Bracket: _element,
    exp.ApproxQuantile: _percentile,
    exp.RegexpLike: _like,
    exp.Length: _length,
}
