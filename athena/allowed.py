"""What of the Athena dialect the local engine may answer.

Rules:
1. A construct is translated only where its answer is known to equal Athena's, by the
   table in tests/athena. All else is refused by name: a local answer that differs
   from Athena's is worse than none.
2. The list is of what is allowed, so a new construct is refused until somebody
   has compared it.
"""

from __future__ import annotations

from sqlglot import exp

from athena.answer import NotTranslated

REMEDY = "ask Athena itself (--engine athena), or write it another way"

CLAUSES: frozenset[type[exp.Expr]] = frozenset(
    {
        *(exp.Select, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Order),
        *(exp.Ordered, exp.Limit, exp.Offset, exp.With, exp.CTE, exp.TableAlias, exp.Table),
        *(exp.Subquery, exp.Union, exp.Except, exp.Intersect, exp.Distinct, exp.Values),
        *(exp.Tuple, exp.Column, exp.Identifier, exp.Star, exp.Alias, exp.Unnest),
        *(exp.Rollup, exp.Cube, exp.GroupingSets, exp.Window, exp.WindowSpec, exp.Filter),
        *(exp.IgnoreNulls, exp.Exists, exp.Placeholder, exp.Var),
    }
)
VALUES: frozenset[type[exp.Expr]] = frozenset(
    {
        *(exp.Literal, exp.Boolean, exp.Null, exp.Interval, exp.DataType, exp.DataTypeParam),
        *(exp.Paren, exp.And, exp.Or, exp.Not, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT),
        *(exp.LTE, exp.Between, exp.In, exp.Is, exp.Like, exp.Escape, exp.NullSafeEQ),
        *(exp.NullSafeNEQ, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.DPipe),
        *(exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Cast, exp.TryCast, exp.Array),
        *(exp.Bracket, exp.Greatest, exp.Least),
    }
)
SCALARS: frozenset[type[exp.Expr]] = frozenset(
    {
        *(exp.Abs, exp.Round, exp.Floor, exp.Ceil, exp.Sqrt, exp.Exp, exp.Ln, exp.Pow),
        *(exp.Lower, exp.Upper, exp.Length, exp.Concat, exp.StrPosition, exp.StartsWith),
        *(exp.Replace, exp.RegexpLike, exp.Substring, exp.Pad, exp.ArraySize),
        *(
            exp.TimestampTrunc,
            exp.DateTrunc,
            exp.DateAdd,
            exp.DateDiff,
            exp.Date,
            exp.Extract,
            exp.Year,
        ),
        *(exp.Quarter, exp.Month, exp.WeekOfYear, exp.Day, exp.DayOfWeekIso, exp.DayOfYear),
        *(exp.Hour, exp.Minute, exp.Second, exp.CurrentDate, exp.CurrentTimestamp),
        *(exp.UnixToTime, exp.TimeToUnix, exp.TimeToStr, exp.StrToTime, exp.ParseDatetime),
    }
)
AGGREGATES: frozenset[type[exp.Expr]] = frozenset(
    {
        *(exp.Count, exp.CountIf, exp.Sum, exp.Avg, exp.Min, exp.Max, exp.ArgMax, exp.ArgMin),
        *(exp.LogicalAnd, exp.LogicalOr, exp.Stddev, exp.StddevPop, exp.StddevSamp),
        *(exp.Variance, exp.VariancePop, exp.Corr, exp.ApproxDistinct, exp.ApproxQuantile),
        *(exp.ArrayAgg, exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank),
        *(exp.CumeDist, exp.Ntile, exp.Lag, exp.Lead, exp.FirstValue, exp.LastValue),
        *(exp.NthValue,),
    }
)
NAMED = frozenset({"format_datetime", "to_iso8601", "map_agg"})
"""Functions that sqlglot has no class for, and that athena.macros or athena.rewrites answer."""

ALLOWED = CLAUSES | VALUES | SCALARS | AGGREGATES

SENTENCES: dict[type[exp.Expr], str] = {
    exp.AtTimeZone: "AT TIME ZONE: engines differ in what it returns; the exchange's local time "
    "is stored in exchange_date, exchange_hour and exchange_minute",
    exp.WidthBucket: "width_bucket: use floor((x - low) / step)",
    exp.MatchRecognize: "MATCH_RECOGNIZE",
    exp.Lateral: "LATERAL",
    exp.TableSample: "TABLESAMPLE",
    exp.Struct: "row(...)",
    exp.Command: "this statement",
}
UNUSUAL = {"match": "MATCH_RECOGNIZE", "sample": "TABLESAMPLE"}
JOINS = {"", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "OUTER"}


def check(tree: exp.Expr) -> None:
    """Raise NotTranslated for the first construct that isn't known to mean the same."""
    for node in tree.walk():
        _known(node)
        if isinstance(node, exp.Column) and node.name.startswith("$"):
            raise refused(f'the column "{node.name}"')
        if isinstance(node, exp.Table):
            _plain(node, {"this", "db", "catalog", "alias"}, f"FROM {node.sql('trino')[:80]}")
        if isinstance(node, exp.Select):
            _select(node)
        if isinstance(node, exp.Join):
            _join(node)
        if isinstance(node, exp.Unnest):
            _unnest(node)
        if isinstance(node, exp.With) and node.args.get("recursive"):
            raise refused("WITH RECURSIVE")


def refused(construct: str) -> NotTranslated:
    return NotTranslated(
        f"{construct} is not translated for the local engine, as its answer might differ "
        f"from Athena's; {REMEDY}"
    )


def _known(node: exp.Expr) -> None:
    if type(node) in ALLOWED:
        return
    if isinstance(node, exp.Anonymous):
        if node.name.lower() not in NAMED:
            raise refused(f"{node.name.lower()}()")
        return
    said = SENTENCES.get(type(node)) or _called(node)
    raise refused(said)


def _called(node: exp.Expr) -> str:
    if isinstance(node, exp.Func):
        return f"{node.sql_names()[0].lower()}()"
    return f"{type(node).__name__} ({node.sql('trino')[:80]})"


def _plain(node: exp.Expr, keys: set[str], said: str) -> None:
    if any(value for key, value in node.args.items() if key not in keys):
        raise refused(said)


def _select(node: exp.Select) -> None:
    known = {"with_", "with", "expressions", "from_", "from", "joins", "where", "group", "having"}
    known |= {"order", "limit", "offset", "distinct", "windows"}
    for key, value in node.args.items():
        if value and key not in known:
            raise refused(UNUSUAL.get(key, f"{key.strip('_').upper()} in a SELECT"))
    if (distinct := node.args.get("distinct")) and distinct.args.get("on"):
        raise refused("DISTINCT ON")
    if (limit := node.args.get("limit")) and not isinstance(limit, exp.Limit):
        raise refused("FETCH FIRST")
    if order := node.args.get("order"):
        _order(node, order)


def _order(node: exp.Select, order: exp.Order) -> None:
    """Inside an expression of ORDER BY a name is Trino's alias and DuckDB's column."""
    aliases = {e.alias.lower() for e in node.expressions if isinstance(e, exp.Alias)}
    for key in order.expressions:
        inner = () if isinstance(key.this, exp.Column) else key.this.find_all(exp.Column)
        for column in inner:
            if not column.table and column.name.lower() in aliases:
                raise refused(f"ORDER BY an expression of the alias {column.name}")


def _join(node: exp.Join) -> None:
    if node.method or node.kind not in JOINS or node.side not in JOINS:
        raise refused(f"{node.method} {node.side} {node.kind} JOIN".strip())


def _unnest(node: exp.Unnest) -> None:
    if len(node.expressions) > 1:
        raise refused("UNNEST of two arrays")
    if node.args.get("offset"):
        raise refused("UNNEST WITH ORDINALITY")
