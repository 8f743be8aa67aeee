"""Rewrites of times: a date stays a date, units are whole, patterns are strftime's."""

from __future__ import annotations

import re
from typing import Any

from sqlglot import exp

from athena.allowed import refused
from athena.patterns import joda, mysql

Node = Any
DATE_COLUMNS = {"dt", "exchange_date"}
DAYS = {"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"}
CLOCK = {"MILLISECOND", "SECOND", "MINUTE", "HOUR"}
PARTS = {"YEAR", "QUARTER", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND"}
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d(\.\d{1,6})?)?)?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def call(name: str, *arguments: Node) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=list(arguments))


def text(value: str) -> exp.Literal:
    return exp.Literal.string(value)


def _is_date(node: Node, dates: set[str]) -> bool:
    """True where ``node`` should be a DATE (``athena_date`` makes sure); False says nothing."""
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
        operand.replace(call("athena_date", operand.copy()))
        return exp.Cast(this=exp.Paren(this=node.copy()), to=exp.DataType.build("date"))
    operand.replace(call("athena_not_date", operand.copy()))
    return node


def moved(node: exp.Add | exp.Sub, dates: set[str]) -> Node:
    left, right = node.this, node.expression
    if isinstance(right, exp.Interval):
        return _stepped(node, left, _unit(right), dates)
    if isinstance(left, exp.Interval) and isinstance(node, exp.Add):
        return _stepped(node, right, _unit(left), dates)
    if isinstance(node, exp.Sub):
        return call("athena_sub", left.copy(), right.copy())
    return node


def _unit(interval: exp.Interval) -> str:
    unit = str(interval.args.get("unit") or "").upper()
    amount = interval.this
    whole = isinstance(amount, exp.Literal) and re.fullmatch(r"-?\d+", str(amount.this))
    if not whole or unit not in DAYS | CLOCK:
        raise refused(f"{interval.sql('trino')}")
    return unit


def date_add(node: exp.DateAdd, dates: set[str]) -> Node:
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


def date_diff(node: exp.DateDiff, dates: set[str]) -> Node:
    """Trino counts whole units, DuckDB's own date_diff the borders between them."""
    unit = _named_unit(node).lower()
    return call("datesub", text(unit), node.expression.copy(), node.this.copy())


def truncated(node: exp.TimestampTrunc | exp.DateTrunc, dates: set[str]) -> Node:
    unit = _named_unit(node)
    operand = node.this.copy()
    if _is_date(operand, dates):
        if unit not in DAYS:
            raise refused(f"date_trunc('{unit.lower()}') of a date")
        whole = call("date_trunc", text(unit.lower()), call("athena_date", operand))
        return exp.Cast(this=whole, to=exp.DataType.build("date"))
    return call("date_trunc", text(unit.lower()), call("athena_not_date", operand))


def time_cast(node: Node, kind: str) -> Node:
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


def only_stored(node: Node, function: str) -> None:
    """Times from the lake have milliseconds in Athena; literals as many digits as written."""
    for part in node.walk():
        literal = isinstance(part, exp.Cast) and part.to.is_type("timestamp")
        if literal or isinstance(part, exp.Placeholder):
            raise refused(f"{function} of a literal time or a parameter")


def parse_datetime(node: exp.ParseDatetime, dates: set[str]) -> Node:
    form = text(joda(node.args["format"], "parse_datetime"))
    return exp.Cast(
        this=call("strptime", node.this.copy(), form), to=exp.DataType.build("timestamptz")
    )


def date_format(node: exp.TimeToStr, dates: set[str]) -> Node:
    return call("strftime", node.this.copy(), text(mysql(node.args["format"], "date_format")))


def date_parse(node: exp.StrToTime, dates: set[str]) -> Node:
    return call("strptime", node.this.copy(), text(mysql(node.args["format"], "date_parse")))


def from_unixtime(node: exp.UnixToTime, dates: set[str]) -> Node:
    if any(value for key, value in node.args.items() if key != "this"):
        raise refused("from_unixtime with a zone")
    return call("athena_from_unixtime", node.this.copy())


def extracted(node: exp.Extract, dates: set[str]) -> Node:
    if str(node.this.name).upper() not in PARTS:
        raise refused(f"extract({str(node.this.name).lower()} from ...)")
    return node
