"""Rewrites of the syntax tree where DuckDB's own meaning differs from Trino's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from sqlglot import exp

from athena.allowed import refused
from athena.patterns import joda, mysql

Node = Any
DATE_COLUMNS = {"dt", "exchange_date"}
DAYS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
CLOCK = {"MILLISECOND", "SECOND", "MINUTE", "HOUR"}
PARTS = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"}
WHOLE = {"TINYINT", "SMALLINT", "INT", "BIGINT"}
TARGETS = WHOLE | {"VARCHAR", "TEXT", "DOUBLE", "DECIMAL", "DATE", "TIMESTAMP"}
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d{1,6})?)?)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


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


def _call(name: str, *arguments: Node) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _text(value: str) -> exp.Literal:
    return exp.Literal.string(value)


def _is_date(node: Node, dates: set[str]) -> bool:
    """True where ``node`` is surely a DATE; False says nothing."""
    match node:
        case exp.Paren():
            return _is_date(node.this, dates)
        case exp.Cast() | exp.TryCast():
            return bool(node.to.this == exp.DataType.Type.DATE)
        case exp.CurrentDate() | exp.Date():
            return True
        case exp.Placeholder():
            return node.name in dates
        case exp.Column():
            return node.name.lower() in DATE_COLUMNS
        case exp.Min() | exp.Max():
            return _is_date(node.this, dates)
    return False


def _stepped(node: Node, operand: Node, unit: str, dates: set[str]) -> Node:
    """``node`` keeps the type of its ``operand``, which it steps by ``unit``."""
    if _is_date(operand, dates):
        if unit not in DAYS:
            raise refused(f"a date moved by {unit.lower()}s")
        return exp.Cast(this=exp.Paren(this=node.copy()), to=exp.DataType.build("date"))
    operand.replace(_call("athena_not_date", operand.copy()))
    return node


def _sum(node: exp.Add | exp.Sub, dates: set[str]) -> Node:
    left, right = node.this, node.expression
    if isinstance(right, exp.Interval):
        return _stepped(node, left, _unit(right), dates)
    if isinstance(left, exp.Interval) and isinstance(node, exp.Add):
        return _stepped(node, right, _unit(left), dates)
    if isinstance(node, exp.Sub):
        return _call("athena_sub", left.copy(), right.copy())
    return node


def _unit(interval: exp.Interval) -> str:
    unit = str(interval.args.get("unit") or "").upper()
    amount = interval.this
    whole = isinstance(amount, exp.Literal) and re.fullmatch(r"-?\d+", str(amount.this))
    if not whole or unit not in DAYS | CLOCK:
        raise refused(f"{interval.sql('trino')}")
    return unit


def _date_add(node: exp.DateAdd, dates: set[str]) -> Node:
    unit = _named_unit(node)
    steps = exp.Interval(this=exp.Paren(this=node.expression.copy()), unit=exp.Var(this=unit))
    return exp.Paren(
        this=_stepped_sum(exp.Add(this=node.this.copy(), expression=steps), unit, dates)
    )


def _stepped_sum(node: exp.Add, unit: str, dates: set[str]) -> Node:
    return _stepped(node, node.this, unit, dates)


def _named_unit(node: Node) -> str:
    unit = str(node.args["unit"].name).upper()
    if unit not in DAYS | CLOCK:
        raise refused(f"the unit {unit.lower()}")
    return unit


def _date_diff(node: exp.DateDiff, dates: set[str]) -> Node:
    """Trino counts whole units, DuckDB's own date_diff the borders between them."""
    unit = _named_unit(node).lower()
    return _call("datesub", _text(unit), node.expression.copy(), node.this.copy())


def _trunc(node: exp.TimestampTrunc | exp.DateTrunc, dates: set[str]) -> Node:
    unit = _named_unit(node)
    operand = node.this.copy()
    if _is_date(operand, dates):
        if unit not in DAYS:
            raise refused(f"date_trunc('{unit.lower()}') of a date")
        whole = _call("date_trunc", _text(unit.lower()), operand)
        return exp.Cast(this=whole, to=exp.DataType.build("date"))
    return _call("date_trunc", _text(unit.lower()), _call("athena_not_date", operand))


def _division(node: exp.Div, dates: set[str]) -> Node:
    return _call("athena_div", node.this.copy(), node.expression.copy())


def _average(node: exp.Avg, dates: set[str]) -> Node:
    inner = node.this
    if isinstance(inner, exp.Distinct):
        inner = inner.expressions[0]
    inner.replace(_call("athena_not_decimal", inner.copy()))
    return node


def _extreme(name: str) -> Callable[[Node, set[str]], Node]:
    """max_by keeps a null of the first argument, as DuckDB's ``arg_max_null`` does."""

    def rule(node: Node, dates: set[str]) -> Node:
        if node.args.get("count"):
            raise refused("max_by or min_by of many")
        return _call(name, node.this.copy(), node.expression.copy())

    return rule


def _cast(node: exp.Cast | exp.TryCast, dates: set[str]) -> Node:
    kind = node.to.this.value if isinstance(node.to.this, exp.DataType.Type) else "?"
    if kind not in TARGETS:
        raise refused(f"cast to {node.to.sql('trino').lower()}")
    if kind in ("DATE", "TIMESTAMP"):
        return _time_cast(node, kind)
    if kind in ("VARCHAR", "TEXT"):
        return _text_cast(node)
    tried = isinstance(node, exp.TryCast)
    if kind in WHOLE:
        whole = _call("athena_try_whole" if tried else "athena_whole", node.this.copy())
        return whole if kind == "BIGINT" else type(node)(this=whole, to=node.to.copy())
    if kind == "DECIMAL":
        guarded = _call("athena_not_double", node.this.copy())
        return type(node)(this=guarded, to=node.to.copy())
    return node


def _time_cast(node: Node, kind: str) -> Node:
    """DATE and TIMESTAMP literals come here too; DuckDB has no TIMESTAMP(p)."""
    value = node.this
    if isinstance(value, exp.Literal):
        form = _DATE if kind == "DATE" else _TIMESTAMP
        if not form.fullmatch(str(value.this)):
            raise refused(
                f"{kind} '{value.this}' (write it as 2025-01-31 15:04:05, without a zone)"
            )
    elif node.to.expressions and str(node.to.expressions[0]) not in ("3", "6"):
        raise refused(f"cast to {node.to.sql('trino').lower()}")
    return type(node)(this=value.copy(), to=exp.DataType.build(kind.lower()))


def _text_cast(node: Node) -> Node:
    if node.to.expressions:
        raise refused("cast to varchar of a length")
    _stored(node.this, "cast to varchar")
    return _call("athena_text", node.this.copy())


def _stored(node: Node, function: str) -> None:
    """Times from the lake have milliseconds in Athena; literals as many digits as written."""
    for part in node.walk():
        literal = isinstance(part, exp.Cast) and part.to.is_type("timestamp")
        if literal or isinstance(part, exp.Placeholder):
            raise refused(f"{function} of a literal time or a parameter")


def _named(node: exp.Anonymous, dates: set[str]) -> Node:
    arguments = [argument.copy() for argument in node.expressions]
    match node.name.lower(), arguments:
        case "format_datetime", [value, pattern]:
            return _call("strftime", value, _text(joda(pattern, "format_datetime")))
        case "to_iso8601", [value]:
            _stored(value, "to_iso8601")
            return _call("athena_iso8601", value)
    return node


def _parse_datetime(node: exp.ParseDatetime, dates: set[str]) -> Node:
    form = _text(joda(node.args["format"], "parse_datetime"))
    return exp.Cast(
        this=_call("strptime", node.this.copy(), form), to=exp.DataType.build("timestamptz")
    )


def _date_format(node: exp.TimeToStr, dates: set[str]) -> Node:
    return _call("strftime", node.this.copy(), _text(mysql(node.args["format"], "date_format")))


def _date_parse(node: exp.StrToTime, dates: set[str]) -> Node:
    return _call("strptime", node.this.copy(), _text(mysql(node.args["format"], "date_parse")))


def _from_unixtime(node: exp.UnixToTime, dates: set[str]) -> Node:
    if any(value for key, value in node.args.items() if key != "this"):
        raise refused("from_unixtime with a zone")
    return _call("athena_from_unixtime", node.this.copy())


def _extract(node: exp.Extract, dates: set[str]) -> Node:
    if str(node.this.name).upper() not in PARTS:
        raise refused(f"extract({str(node.this.name).lower()} from ...)")
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
    return _call("athena_length", node.this.copy())


def _like(node: exp.RegexpLike, dates: set[str]) -> Node:
    pattern = node.expression
    if not (
        isinstance(pattern, exp.Literal) and re.fullmatch(r"[\w\s.*+|()\[\]^$-]*", pattern.this)
    ):
        raise refused("regexp_like with a pattern that is not a plain literal")
    return node


RULES: dict[type[exp.Expr], Callable[[Any, set[str]], Node]] = {
    exp.Add: cast(Any, _sum),
    exp.Sub: cast(Any, _sum),
    exp.Div: _division,
    exp.Avg: _average,
    exp.ArgMax: _extreme("arg_max_null"),
    exp.ArgMin: _extreme("arg_min_null"),
    exp.Cast: _cast,
    exp.TryCast: _cast,
    exp.Anonymous: _named,
    exp.DateAdd: _date_add,
    exp.DateDiff: _date_diff,
    exp.TimestampTrunc: _trunc,
    exp.DateTrunc: _trunc,
    exp.TimeToStr: _date_format,
    exp.StrToTime: _date_parse,
    exp.ParseDatetime: _parse_datetime,
    exp.UnixToTime: _from_unixtime,
    exp.Extract: _extract,
    exp.Substring: _substring,
    exp.Bracket: _element,
    exp.ApproxQuantile: _percentile,
    exp.RegexpLike: _like,
    exp.Length: _length,
}
