"""tapeline replay: a backfill, without Kinesis."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import err, fail, note, out, print_json
from cli.options import ConfigOption, JsonOption, SetOption, site_of

if TYPE_CHECKING:
    from config.site import Site
    from replay import Origin, Summary

LAKE = "s3"

From = Annotated[
    list[str],
    typer.Option(
        "--from",
        metavar="s3|s3://BUCKET/PREFIX|FILE",
        help="The lake of the settings (s3), another lake, or a file; more files may follow.",
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="[FILE]...", help="More files, merged by event time."),
]
To = Annotated[
    str, typer.Option("--to", metavar="PREFIX", help="The new lake's prefix, in the same bucket.")
]


def register(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    origins: From,
    to: To,
    files: Files = None,
    mapping: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="Files: which column a field is in."),
    ] = None,
    symbol: Annotated[str, typer.Option(help="Files: the symbol of every row.")] = "",
    kind: Annotated[str, typer.Option(help="Files: quote, trade or bar.")] = "",
    timezone: Annotated[str, typer.Option(help="Files: of times that name none (UTC).")] = "",
    time_format: Annotated[
        str, typer.Option(help="Files: strptime format of times that are not ISO 8601.")
    ] = "",
    header: Annotated[
        str, typer.Option(metavar="A,B,C", help="Files: columns of CSV without a header.")
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="Files: end after so many ticks.")] = 0,
    config: ConfigOption = None,
    pairs: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute a lake anew, or backfill one from files, at full speed and without Kinesis.

    Windows, indicators and flags come out bit for bit as they would from the stream; no
    alert is sent. The result is a lake of its own below another prefix, so that it is safe
    beside the workers. Killed or stopped, the same command goes on where it was.

    Example: `tapeline replay --from SW.csv.gz CPAY.csv.gz --to backfill`, then
    `tapeline verify --set lake.prefix=backfill`
    """
    reading = {
        "map": dict(_pair(text) for text in mapping or []),
        "symbol": symbol,
        "kind": kind,
        "timezone": timezone,
        "time_format": time_format,
        "header": header,
        "limit": limit,
    }
    given = {name: value for name, value in reading.items() if value}
    site = site_of(config, pairs)
    target = site_of(config, [*(pairs or []), f"lake.prefix={to}"])
    target.session = site.session
    _run(site, target, [*origins, *(files or [])], given, as_json)


def _run(
    site: Site, target: Site, named: list[str], reading: dict[str, Any], as_json: bool
) -> None:
    from config.load import SettingsError
    from kcl_app.core.snapshot import UnknownSnapshot
    from kcl_app.fanout import SinkFailed
    from kcl_app.life import LifeError
    from kcl_app.stopped import Stopped
    from kcl_app.store import StoreError
    from producer.clock import until_signalled
    from producer.source import SourceError
    from replay import ReplayError
    from replay import replay as backfill

    try:
        origin = _origin(site, named, reading)
        progress = _Progress(origin)
        with until_signalled() as clock, progress.bar:
            done = backfill(site, origin, target, progress, clock.stopped)
    except SettingsError as wrong:
        fail(str(wrong), code=2)
    except (ReplayError, SourceError, Stopped, SinkFailed, StoreError) as wrong:
        fail(str(wrong))
    except (LifeError, UnknownSnapshot) as wrong:
        fail(str(wrong))
    except KeyboardInterrupt:
        fail("interrupted: the same command goes on from the last checkpoint")
    _tell(done, as_json)
    raise typer.Exit(0 if done.complete else 1)


def _origin(site: Site, named: list[str], reading: dict[str, Any]) -> Origin:
    lakes = [name for name in named if name == LAKE or name.startswith("s3://")]
    if lakes and (len(named) > 1 or reading):
        fail(f"--from {lakes[0]} is a whole lake: no other name and no --map and such", code=2)
    if lakes:
        from replay.origins import lake_origin

        return lake_origin(site, "" if lakes[0] == LAKE else lakes[0])
    from replay.origins import file_origin

    return file_origin(site, named, reading, note)


def _tell(done: Summary, as_json: bool) -> None:
    rate = done.records / done.seconds if done.seconds else 0.0
    if as_json:
        print_json({**asdict(done), "records_per_second": round(rate, 1)})
        return
    for shard, at in done.resumed.items():
        note(f"{shard}: went on from {at}")
    how = "replayed" if done.complete else "stopped (the same command goes on)"
    prefix = done.lake.split("/", 3)[3].rstrip("/")
    out.print(
        f"{how}: {done.records:,} records of {done.shards} shards, {done.seconds:.1f} s, "
        f"{rate:,.0f} records/s; life {done.life} at {done.lake}\n"
        f"prove it: tapeline verify --set lake.prefix={prefix}",
        highlight=False,
        soft_wrap=True,
    )


class _Progress:
    """A count on stderr where a person looks on."""

    def __init__(self, origin: Origin) -> None:
        from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), "records", MofNCompleteColumn(), TimeElapsedColumn())
        self.bar = Progress(*columns, console=err, transient=True, disable=not err.is_terminal)
        self.task = self.bar.add_task("", total=origin.total())

    def __call__(self, summary: Summary) -> None:
        self.bar.update(self.task, completed=summary.records)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        fail(f"--map {text}: write FIELD=COLUMN", code=2)
    return name, value
