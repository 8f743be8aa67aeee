"""tapeline worker: consume the stream on this host."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.console import fail
from cli.options import ConfigOption, SetOption, settings_of

SeedOption = Annotated[
    bool,
    typer.Option(
        "--seed-leases",
        help="Write the first leases ourselves: saves up to 30 s. Only on a local AWS.",
    ),
]


def register(app: typer.Typer) -> None:
    app.command()(worker)


def worker(
    config: ConfigOption = None,
    pairs: SetOption = None,
    seed_leases: SeedOption = False,
) -> None:
    """Consume the stream until stopped: the KCL's daemon, one process a shard, supervised.

    Every host runs the same command; the shards share themselves out. Ctrl-C or
    SIGTERM lets the shards finish; a second one kills. After a failure the worker
    begins anew; when it fails again and again it gives up and says why.

    Example: `tapeline worker --set application.instance=1` is a second worker here.
    """
    from kcl_app.launch import launch

    why = launch(settings_of(config, pairs), seed_leases)
    if why:
        fail(why)
