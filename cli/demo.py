"""tapeline demo: the whole road on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import err, fail, note, print_json
from cli.options import LOCAL, JsonOption

if TYPE_CHECKING:
    from deploy.demo.road import Road
    from producer.source import Source

InputOption = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="FILE", help="Replay a file; may be repeated."),
]
FilesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[FILE]...", help="More files to replay.")
]
RecordsOption = Annotated[
    int | None, typer.Option(min=1, help="Ticks; default 20000, of files all.")
]
SymbolsOption = Annotated[
    str | None, typer.Option(help="How many, or their names: A,B,C. Default 20.")
]
SeedOption = Annotated[int | None, typer.Option(min=0, help="Of the made-up market; default 7.")]
ShardsOption = Annotated[int, typer.Option(min=1, max=16, help="One process each.")]
KeepOption = Annotated[
    bool, typer.Option("--keep", help="Leave the local AWS running, to look further.")
]

RECORDS, SYMBOLS, SEED = 20_000, "20", 7


def register(app: typer.Typer) -> None:
    app.command()(demo)


def demo(
    files: FilesArgument = None,
    inputs: InputOption = None,
    records: RecordsOption = None,
    symbols: SymbolsOption = None,
    seed: SeedOption = None,
    shards: ShardsOption = 2,
    keep: KeepOption = False,
    as_json: JsonOption = False,
) -> None:
    """The whole road on this machine, on real parts: no account, no Docker, no Java.

    Ticks go onto a stream of an AWS emulator, the Kinesis Client Library's daemon
    turns them into windows, flags, Parquet, DynamoDB items and alerts; then questions
    are asked, and it is proven that every record is stored once. A few malformed
    records are sent along, but with files. Settings, credentials and endpoints of yours are
    not read, and nothing stays but with --keep. Exit code 1 where the proof fails.

    Example: `tapeline demo --records 50000 --symbols 50`, or `tapeline demo --input SW.csv.gz`
    """
    replayed = [*(inputs or []), *(files or [])]
    wanted = _source_settings(replayed, records, symbols, seed)
    from deploy.demo.ground import Ground, shut_out_the_environment
    from deploy.demo.progress import Progress
    from deploy.demo.road import PHASES, Road
    from deploy.demo.signals import Signals

    shut_out_the_environment()
    _checked(bool(replayed), wanted)

    def source(folder: Path) -> Source:
        return _source(bool(replayed), wanted, folder)

    with Signals() as signals:
        ground = Ground(LOCAL.parent, shards, keep)
        progress = Progress.of(*PHASES)
        _run(Road(ground, source, progress, signals, strangers=not replayed), as_json)


def _source_settings(
    files: list[str], records: int | None, symbols: str | None, seed: int | None
) -> dict[str, Any]:
    if not files:
        return {
            "records": records or RECORDS,
            "symbols": symbols or SYMBOLS,
            "seed": SEED if seed is None else seed,
        }
    for option, value in (("--symbols", symbols), ("--seed", seed)):
        if value is not None:
            fail(f"{option} is of the made-up market: leave it out with files", code=2)
    for file in files:
        if not Path(file).is_file():
            fail(f"--input {file}: there is no such file", code=2)
    return {"files": files, "limit": records or 0}


def _checked(replayed: bool, wanted: dict[str, Any]) -> None:
    """End with 2 where the source cannot be, before anything is started."""
    from producer.source import SourceError

    try:
        _source(replayed, wanted, None)
    except SourceError as wrong:
        fail(str(wrong), code=2)


def _source(replayed: bool, wanted: dict[str, Any], folder: Path | None) -> Source:
    from deploy.demo.road import TRUTH
    from producer.replay import ReplaySource
    from producer.synthetic import SyntheticSource

    if replayed:
        return ReplaySource(**wanted)
    return SyntheticSource(**wanted, truth=str(folder / TRUTH) if folder else "")


def _run(road: Road, as_json: bool) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    from athena.answer import QueryError
    from cli.answers import exact
    from cli.demo_report import tell, tell_findings
    from cli.demo_view import watched
    from deploy.demo.road import DemoError
    from deploy.local.emulator import LocalError
    from glue.plan import ApplyError
    from producer.call import PublishError
    from producer.source import SourceError
    from verify import VerifyError
    from verify.manifest import ManifestError

    try:
        with watched(road.progress):
            outcome = road.run()
    except KeyboardInterrupt:
        note("interrupted: all is stopped, and removed")
        raise typer.Exit(128 + road.signals.number) from None
    except (
        DemoError, LocalError, ApplyError, SourceError, PublishError, QueryError, VerifyError,
        ManifestError, ClientError, BotoCoreError,
    ) as wrong:  # fmt: skip
        _fail(road, str(wrong))
    if as_json:
        print_json(exact(outcome.document()))
        tell_findings(outcome)
        err.print(outcome.line, highlight=False, soft_wrap=True, markup=False)
    else:
        tell(outcome, road.ground.keep)
    raise typer.Exit(0 if outcome.ok else 1)


def _fail(road: Road, why: str) -> None:
    if road.progress.folder:
        note(f"logs are in {road.progress.folder}")
    fail(why)
