"""``tapeline query``: questions over the lake, their answers as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import fail, note
from cli.options import ConfigOption, SetOption, site_of

if TYPE_CHECKING:
    from athena.answer import Answer
    from athena.library import Question
    from athena.parameters import Value
    from config.site import Site

FORMATS = ("table", "csv", "json", "parquet")
LONGEST = 262_144

NameArgument = Annotated[str | None, typer.Argument(help="A question; without one, all of them.")]
SqlOption = Annotated[
    str | None,
    typer.Option("--sql", metavar="FILE", help="Your own SQL in the Athena dialect; - is stdin."),
]
ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="NAME=VALUE", help="Bind :NAME; may be repeated."),
]
FromOption = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First dt read.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last dt read.")]
EngineOption = Annotated[
    str,
    typer.Option(help="athena or duckdb (default: duckdb beside the local AWS, else athena)."),
]
FormatOption = Annotated[
    str | None, typer.Option("--format", "-f", help="table, csv, json or parquet.")
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the answer there.", dir_okay=False)
]
RowsOption = Annotated[int, typer.Option("--rows", min=0, help="Rows a table shows; 0 is all.")]
ExplainOption = Annotated[bool, typer.Option("--explain", help="Show the SQL that would be run.")]
ListOption = Annotated[bool, typer.Option("--list", help="List the questions.")]


def register(app: typer.Typer) -> None:
    app.command("query")(query)


def query(
    name: NameArgument = None,
    sql: SqlOption = None,
    param: ParamOption = None,
    start: FromOption = None,
    end: ToOption = None,
    engine: EngineOption = "",
    form: FormatOption = None,
    output: OutputOption = None,
    rows: RowsOption = 50,
    explain: ExplainOption = False,
    listed: ListOption = False,
    config: ConfigOption = None,
    pairs: SetOption = None,
) -> None:
    """Ask the lake a question.

    `tapeline query` lists the questions. `tapeline query bars -p symbol=ABC --from 2025-01-31
    --to 2025-01-31` asks one; `tapeline query --sql mine.sql --format csv --output mine.csv`
    asks your own. Exit code 1: no answer; 2: wrong usage.
    """
    if listed or (name is None and sql is None):
        _list()
        return
    if engine not in ("", "athena", "duckdb"):
        fail(f"--engine {engine}: choose athena or duckdb", code=2)
    chosen = _format(form, output)
    question = _question(name, sql)
    given = _given(question, param or [], start, end)
    site = site_of(config, pairs)
    if explain:
        typer.echo(_explained(site, question, engine))
        return
    answer = _answered(site, question, given, engine)
    _show(answer, chosen, output, rows)


def _list() -> None:
    from athena.library import questions
    from cli.answers import questions_table
    from cli.console import out

    out.print(questions_table(questions().values()))


def _format(form: str | None, output: Path | None) -> str:
    """The format asked for, else the one that the file's name says, else a table."""
    suffix = output.suffix.lstrip(".") if output else ""
    chosen = form or (suffix if suffix in FORMATS else "table")
    if chosen not in FORMATS:
        fail(f"--format {chosen}: choose {', '.join(FORMATS)}", code=2)
    if chosen == "parquet" and output is None:
        fail("--format parquet writes a file: add --output FILE.parquet", code=2)
    return chosen


def _question(name: str | None, sql: str | None) -> Question:
    from athena.answer import QueryError
    from athena.library import named, question
    from athena.parameters import ParameterError

    if name is not None and sql is not None:
        fail("give a question's name or --sql, not both", code=2)
    try:
        return named(name) if name is not None else question("your SQL", _text(sql or "-"))
    except (QueryError, ParameterError) as wrong:
        fail(str(wrong), code=2)


def _text(place: str) -> str:
    if place == "-":
        text = sys.stdin.read(LONGEST + 1)
    else:
        try:
            with Path(place).open(encoding="utf-8") as file:
                text = file.read(LONGEST + 1)
        except (OSError, UnicodeDecodeError) as wrong:
            fail(f"--sql {place}: {wrong}", code=2)
    if len(text) > LONGEST:
        fail(f"--sql {place}: longer than {LONGEST:,} characters", code=2)
    if not text.strip():
        fail(f"--sql {place}: there is no SQL in it", code=2)
    return text


def _given(
    question: Question, pairs: list[str], start: str | None, end: str | None
) -> dict[str, Value]:
    from athena.parameters import ParameterError

    texts: dict[str, str] = {k: v for k, v in (("from", start), ("to", end)) if v is not None}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            fail(f"--param {pair}: write NAME=VALUE, such as --param symbol=ABC", code=2)
        texts[key.removeprefix(":")] = value
    try:
        return {key: question.parameter(key).read(text) for key, text in texts.items()}
    except ParameterError as wrong:
        fail(str(wrong), code=2)


def _explained(site: Site, question: Question, engine: str) -> str:
    from athena.answer import QueryError
    from athena.engines import engine as engine_of

    try:
        return engine_of(site, engine).explain(question.sql)
    except (QueryError, ValueError) as wrong:
        fail(str(wrong))


def _answered(site: Site, question: Question, given: dict[str, Value], engine: str) -> Answer:
    from athena.answer import QueryError
    from athena.days import filled
    from athena.engines import engine as engine_of
    from athena.parameters import ParameterError

    try:
        asked = engine_of(site, engine)
        values = filled(site, question, given)
        _say_days(values, given)
        return asked.answer(question.sql, values)
    except ParameterError as wrong:
        fail(str(wrong), code=2)
    except QueryError as wrong:
        fail(str(wrong))
    except KeyboardInterrupt:
        fail("stopped", code=130)


def _say_days(values: dict[str, Value], given: dict[str, Value]) -> None:
    if "from" in values and "to" in values and not {"from", "to"} <= set(given):
        note(f"days {values['from']} to {values['to']}; --from and --to choose others")


def _show(answer: Answer, form: str, output: Path | None, rows: int) -> None:
    from cli.answers import UnwritableAnswer, write

    try:
        write(answer.table, form, output, rows)
    except (OSError, UnwritableAnswer) as wrong:
        fail(str(wrong))
    stats = answer.stats
    objects = f" of {stats.objects:,} objects" if stats.objects is not None else ""
    note(
        f"{answer.table.num_rows:,} rows, {stats.engine}, {stats.seconds:.2f} s, "
        f"{stats.bytes_scanned:,} bytes{objects}"
    )
