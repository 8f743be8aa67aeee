"""tapeline replay: a backfill, without Kinesis."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
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
    reading,
)

if TYPE_CHECKING:
    from config.site import Site
    from replay import Origin, Summary

From = Annotated[
    list[str],
    typer.Option(
        "--from",
        metavar="s3|raw|s3://BUCKET/PREFIX|FOLDER|FILE",
        help="The lake of the settings (s3) or its raw objects (raw); another lake, or raw JSON "
        "objects below a prefix or in a folder; or a file, and more files may follow.",
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
    mapping: MapOption = None,
    symbol: SymbolOption = "",
    kind: KindOption = "",
    timezone: TimezoneOption = "",
    time_format: TimeFormatOption = "",
    header: HeaderOption = "",
    limit: LimitOption = 0,
    config: ConfigOption = None,
    pairs: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute a lake anew, or backfill one, at full speed and without Kinesis.

    From files (CSV, JSON lines, Parquet: merged by event time), from a lake, or from raw JSON
    objects as Firehose and others leave them (plain, gzip or zstd; in the order of their keys).

    Windows, indicators and flags come out bit for bit as they would from the stream; no
    alert is sent. The result is a lake of its own below another prefix, so that it is safe
    beside the workers. Killed or stopped, the same command goes on where it was.

    Example: `tapeline replay --from SW.csv.gz CPAY.csv.gz --to backfill`, or
    `tapeline replay --from s3://BUCKET/raw/2021 --to backfill`, then
    `tapeline verify --set lake.prefix=backfill`
    """
    given = reading(mapping, symbol, kind, timezone, time_format, header, limit)
    site = site_of(config, pairs)
    target = site_of(config, [*(pairs or []), f"lake.prefix={to}"])
    target.session = site.session
    _run(site, target, [*origins, *(files or [])], given, as_json)


def _run(site: Site, target: Site, named: list[str], given: dict[str, Any], as_json: bool) -> None:
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
        origin = _origin(site, named, given)
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


def _origin(site: Site, named: list[str], given: dict[str, Any]) -> Origin:
    """Files together make one tape; anything else is whole by itself."""
    from replay.origins import file_origin, named_origin

    whole = [name for name in named if _is_whole(name)]
    if not whole:
        return file_origin(site, named, given, note)
    if len(named) > 1 or given:
        what = "no other name and no --map and such: those are for files"
        fail(f"--from {whole[0]} is a whole lake or place of raw objects: {what}", code=2)
    return named_origin(site, whole[0])


def _is_whole(name: str) -> bool:
    """True for a lake, and for a place of raw objects."""
    return name in ("s3", "raw") or name.startswith("s3://") or Path(name).is_dir()


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
