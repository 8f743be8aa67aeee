"""tapeline produce: ticks onto the stream."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import err, fail, note, out, print_json
from cli.options import ConfigOption, JsonOption, SetOption, site_of
from cli.reading import (
    HeaderOption,
    KindOption,
    LimitOption,
    MapOption,
    SymbolOption,
    TimeFormatOption,
    TimezoneOption,
    pair,
    reading,
)

if TYPE_CHECKING:
    from producer.publish import Summary
    from producer.source import Source

SpeedOption = Annotated[
    str,
    typer.Option(help="1 is the market's own pace, 60 a minute a second, max as fast as it goes."),
]
LinesOption = Annotated[
    int,
    typer.Option(
        min=0,
        max=10_000,
        help="Ticks of one symbol that may share a record, one a line. 0: as many as fill "
        "calls when symbols are few. 1: always one.",
    ),
]
ManifestOption = Annotated[
    bool,
    typer.Option(
        "--manifest/--no-manifest",
        help="Write the ids produced into the lake, for `tapeline verify`.",
    ),
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help=(
            "Put ticks on the stream.\n\n"
            "Ticks of one symbol reach it in their order, whatever fails in between; Ctrl-C "
            "publishes what was read and ends.\n\n"
            "Example: `tapeline produce synthetic --symbols 50 --records 100000`"
        ),
    )
    group.command()(synthetic)
    group.command()(replay)
    group.command("from")(plugin)
    group.command()(sources)
    app.add_typer(group, name="produce")


def synthetic(
    symbols: Annotated[str, typer.Option(help="How many, or their names: A,B,C.")] = "20",
    records: Annotated[
        int | None,
        typer.Option(
            min=0, help="End after so many ticks (10000 where no --days is given); 0: no end."
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=0, help="End after so many sessions; 0: no end.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    start: Annotated[str, typer.Option(help="The first day, as 2025-01-06.")] = "2025-01-06",
    interval_s: Annotated[float, typer.Option(help="Seconds between a symbol's quotes.")] = 60.0,
    anomalies: Annotated[
        float, typer.Option(help="Injected anomalies, on average a symbol and day (0 to 6).")
    ] = 0.5,
    truth: Annotated[
        str, typer.Option(metavar="FILE", help="Where the anomalies are: .parquet or .jsonl.")
    ] = "",
    speed: SpeedOption = "max",
    lines: LinesOption = 0,
    manifest: ManifestOption = True,
    config: ConfigOption = None,
    pairs: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """A made-up market: correlated quotes with a trading day's shape, and known anomalies.

    Example: `tapeline produce synthetic --days 2 --anomalies 1 --truth truth.jsonl`
    """
    _run(
        "synthetic",
        {
            "symbols": symbols,
            "records": records,
            "days": days,
            "seed": seed,
            "start": start,
            "interval_s": interval_s,
            "anomalies": anomalies,
            "truth": truth,
            "timezone": None,
        },
        speed, lines, manifest, config, pairs, as_json,
    )  # fmt: skip


def replay(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Merged by event time.")],
    mapping: MapOption = None,
    symbol: SymbolOption = "",
    kind: KindOption = "",
    timezone: TimezoneOption = "",
    time_format: TimeFormatOption = "",
    header: HeaderOption = "",
    limit: LimitOption = 0,
    speed: SpeedOption = "max",
    lines: LinesOption = 0,
    manifest: ManifestOption = True,
    config: ConfigOption = None,
    pairs: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Files as a tape: CSV (also .gz and .zip), JSON lines (also .gz) and Parquet.

    Columns are recognised by name; a file without symbols is named by them, as SW.csv.gz.

    Example: `tapeline produce replay SW.csv.gz CPAY.csv.gz --speed 60`
    """
    given = reading(mapping, symbol, kind, timezone, time_format, header, limit)
    _run("replay", {"files": files, **given}, speed, lines, manifest, config, pairs, as_json)


def plugin(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="See `tapeline produce sources`.")],
    given: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="SETTING=VALUE", help="A setting of the source."),
    ] = None,
    speed: SpeedOption = "max",
    lines: LinesOption = 0,
    manifest: ManifestOption = True,
    config: ConfigOption = None,
    pairs: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Any installed source, by name.

    Example: `tapeline produce from synthetic --with seed=7 --with symbols=AAA,BBB`
    """
    settings = dict(pair(text, "--with", "SETTING=VALUE") for text in given or [])
    _run(name, settings, speed, lines, manifest, config, pairs, as_json)


def sources(as_json: JsonOption = False) -> None:
    """The installed sources and their settings."""
    from producer.source import SourceError, find, names, settings_of

    known: dict[str, Any] = {}
    for name in names():
        try:
            known[name] = settings_of(find(name))
        except SourceError as wrong:
            note(str(wrong))
    if as_json:
        print_json(known)
        return
    for name, settings in known.items():
        out.print(f"{name}: {', '.join(settings)}", highlight=False, soft_wrap=True, markup=False)


def _run(
    name: str,
    settings: dict[str, Any],
    speed: str,
    lines: int,
    manifest: bool,
    config: str | None,
    pairs: list[str] | None,
    as_json: bool,
) -> None:
    from producer.call import PublishError
    from producer.clock import until_signalled
    from producer.produce import produce
    from producer.source import SourceError, build, find

    site = site_of(config, pairs)
    if settings.get("timezone", "") is None:
        settings["timezone"] = site.settings.market.timezone
    pace = _speed(speed)
    try:
        kind = find(name)
        source = build(kind, settings)
    except SourceError as wrong:
        fail(str(wrong), code=2)
    progress = _Progress(source)
    try:
        with until_signalled() as clock, progress.bar:
            summary = produce(
                site, source, speed=pace, lines=lines, manifest=manifest, clock=clock,
                progress=progress, say=note,
            )  # fmt: skip
    except (SourceError, PublishError) as wrong:
        note(f"{progress.ticks:,} ticks are on the stream")
        fail(str(wrong))
    except KeyboardInterrupt:
        fail("interrupted: ticks that were read but not acknowledged are not in the manifest")
    _report(summary, as_json)


def _report(summary: Summary, as_json: bool) -> None:
    rate = summary.ticks / summary.seconds if summary.seconds else 0.0
    if as_json:
        print_json({**asdict(summary), "ticks_per_second": round(rate, 1)})
        return
    how = "stopped" if summary.stopped else "produced"
    doubt = f", {summary.uncertain:,} perhaps twice" if summary.uncertain else ""
    out.print(
        f"{how}: {summary.ticks:,} ticks in {summary.records:,} records, "
        f"{summary.bytes / 1e6:,.1f} MB, {summary.retries:,} sent again{doubt}, "
        f"{summary.seconds:.1f} s, {rate:,.0f} ticks/s; run {summary.run}",
        highlight=False,
        soft_wrap=True,
    )


class _Progress:
    """A bar on stderr where a person looks on; ``ticks`` are those acknowledged so far."""

    def __init__(self, source: Source) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

        columns = ("ticks", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.ticks = 0
        self.bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self.task = self.bar.add_task("", total=source.total())

    def __call__(self, summary: Summary) -> None:
        self.ticks = summary.ticks
        self.bar.update(self.task, completed=summary.ticks)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < float("inf"):
        fail(f"--speed {text}: write max or a number above 0, such as 60", code=2)
    return speed
