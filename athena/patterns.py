"""Patterns of times: Joda's (format_datetime) and MySQL's (date_format) as strftime's."""

from __future__ import annotations

import re

from sqlglot import exp

from athena.allowed import refused

JODA = {
    **{"yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m"},
    **{"dd": "%d", "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "a": "%p"},
    **{"mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g", "EEEE": "%A", "EEE": "%a"},
    **{"E": "%a", "DDD": "%j"},
}
_JODA_TOKEN = re.compile(
    r"'(?P<quoted>(?:[^']|'')*)'|(?P<field>([A-Za-z])\3*)|(?P<plain>[^A-Za-z'])"
)

STRFTIME = {"%Y", "%y", "%m", "%-m", "%B", "%b", "%d", "%-d", "%H", "%-H", "%I", "%-I", "%M"}
STRFTIME |= {"%S", "%p", "%A", "%a", "%j", "%%"}


def joda(pattern: exp.Expr, function: str) -> str:
    """The strftime pattern of a literal Joda ``pattern``. Raises NotTranslated."""
    text, done, parts = _literal(pattern, function), 0, []
    for token in _JODA_TOKEN.finditer(text):
        if token.start() != done:
            break
        done = token.end()
        parts.append(_joda_part(token, function))
    if done != len(text):
        raise refused(f"{function} with the pattern {text!r}")
    return "".join(parts)


def _joda_part(token: re.Match[str], function: str) -> str:
    if token["field"]:
        if token["field"] not in JODA:
            raise refused(f"{function} with {token['field']} in its pattern")
        return JODA[token["field"]]
    if token["quoted"] is not None:
        return (token["quoted"].replace("''", "'") or "'").replace("%", "%%")
    return str(token["plain"]).replace("%", "%%")


def mysql(pattern: exp.Expr, function: str) -> str:
    """``pattern``, which the parser has turned into strftime's, if every field is known."""
    text = _literal(pattern, function)
    for field in re.findall(r"%-?.?", text):
        if field not in STRFTIME:
            raise refused(f"{function} with {field} in its pattern")
    return text


def _literal(pattern: exp.Expr, function: str) -> str:
    if not isinstance(pattern, exp.Literal) or not pattern.is_string:
        raise refused(f"{function} with a pattern that is not a literal")
    return str(pattern.this)
