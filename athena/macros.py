"""DuckDB macros that answer as Trino does, or raise where they cannot.

``typeof`` is settled when the statement is bound, so a check costs nothing a row.
Sources: Trino's documentation of decimal, conversion and date functions.
"""

from __future__ import annotations

DECIMAL_DIVISION = (
    "division of decimals: Athena rounds the quotient to the scale of its operands "
    "(1.0 / 3 is 0.3); cast one of them to double, or write 1e0 for 1.0"
)
DECIMAL_AVERAGE = "avg of a decimal: Athena rounds it to the scale; cast it to double"
DATE_STEP = (
    "date arithmetic on an expression whose type is not plain: write cast(... as date) or "
    "cast(... as timestamp) around it"
)
DATE_DIFFERENCE = "the difference of two dates is an interval in Athena; use date_diff('day', a, b)"
DOUBLE_TEXT = (
    "cast of a double to varchar: Athena writes 1.05E1 for 10.5; round and cast to decimal"
)
DOUBLE_DECIMAL = "cast of a double to decimal: the engines round halves differently"
TEXT_WHOLE = "cast of text to a whole number: the text is not one"


def _fails(sentence: str) -> str:
    return "error('" + sentence.replace("'", "''") + "')"


def _exact(x: str) -> str:
    return f"(typeof({x}) LIKE 'DECIMAL%' OR typeof({x}) LIKE '%INT%' OR typeof({x}) = 'INTEGER')"


_MS = "make_timestamp(((epoch_us(CAST(x AS TIMESTAMP)) + 500) // 1000) * 1000)"
_FROM_ANY = f"({_MS.replace('CAST(x AS TIMESTAMP)', 'TRY_CAST(CAST(x AS VARCHAR) AS TIMESTAMP)')})"
_WHOLE_TEXT = r"regexp_full_match(CAST(x AS VARCHAR), '[+-]?[0-9]+')"

MACROS: tuple[str, ...] = (
    f"""athena_div(a, b) AS CASE
        WHEN {_exact("a")} AND {_exact("b")} AND concat(typeof(a), typeof(b)) LIKE '%DECIMAL%'
        THEN {_fails(DECIMAL_DIVISION)} ELSE a / b END""",
    f"""athena_sub(a, b) AS CASE WHEN typeof(a) = 'DATE' AND typeof(b) = 'DATE'
        THEN {_fails(DATE_DIFFERENCE)} ELSE a - b END""",
    f"""athena_not_decimal(x) AS CASE WHEN typeof(x) LIKE 'DECIMAL%'
        THEN {_fails(DECIMAL_AVERAGE)} ELSE x END""",
    f"""athena_not_date(x) AS CASE WHEN typeof(x) = 'DATE'
        THEN {_fails(DATE_STEP)} ELSE x END""",
    f"""athena_date(x) AS CASE WHEN typeof(x) <> 'DATE'
        THEN {_fails(DATE_STEP)} ELSE x END""",
    f"""athena_not_double(x) AS CASE WHEN typeof(x) IN ('DOUBLE', 'FLOAT')
        THEN {_fails(DOUBLE_DECIMAL)} ELSE x END""",
    f"""athena_text(x) AS CASE
        WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN {_fails(DOUBLE_TEXT)}
        WHEN typeof(x) = 'TIMESTAMP' THEN strftime({_FROM_ANY}, '%Y-%m-%d %H:%M:%S.%g')
        WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE'
        THEN strftime({_FROM_ANY}, '%Y-%m-%d %H:%M:%S.%g UTC')
        ELSE CAST(x AS VARCHAR) END""",
    f"""athena_whole(x) AS CASE
        WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN CAST(round(TRY_CAST(x AS DOUBLE)) AS BIGINT)
        WHEN typeof(x) = 'VARCHAR' AND NOT {_WHOLE_TEXT} THEN {_fails(TEXT_WHOLE)}
        ELSE CAST(x AS BIGINT) END""",
    f"""athena_try_whole(x) AS CASE
        WHEN typeof(x) IN ('DOUBLE', 'FLOAT') THEN TRY_CAST(round(TRY_CAST(x AS DOUBLE)) AS BIGINT)
        WHEN typeof(x) = 'VARCHAR' AND NOT {_WHOLE_TEXT} THEN NULL
        ELSE TRY_CAST(x AS BIGINT) END""",
    f"""athena_iso8601(x) AS CASE
        WHEN typeof(x) = 'DATE' THEN CAST(x AS VARCHAR)
        WHEN typeof(x) = 'TIMESTAMP WITH TIME ZONE'
        THEN strftime({_FROM_ANY}, '%Y-%m-%dT%H:%M:%S.%gZ')
        ELSE strftime({_MS}, '%Y-%m-%dT%H:%M:%S.%g') END""",
    """athena_length(x) AS CASE WHEN typeof(x) = 'BLOB' THEN octet_length(CAST(x AS BLOB))
        ELSE length(CAST(x AS VARCHAR)) END""",
    "athena_from_unixtime(x) AS to_timestamp(round(x * 1e3) / 1e3)",
    "map_agg(k, v) AS map(list(k), list(v))",
)
