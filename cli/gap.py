"""tapeline gap: go on where the stream has lost records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import fail, note
from cli.options import ConfigOption, SetOption, site_of

if TYPE_CHECKING:
    from config.site import Site
    from kcl_app.core.position import Position

Shard = Annotated[str, typer.Argument(help="Such as shardId-000000000000; the worker named it.")]


def register(app: typer.Typer) -> None:
    gap = typer.Typer(
        no_args_is_help=True, help="Records that the stream lost before we read them."
    )
    gap.callback()(lambda: None)
    gap.command()(confirm)
    app.add_typer(gap, name="gap")


def confirm(shard: Shard, config: ConfigOption = None, pairs: SetOption = None) -> None:
    """Give up what the stream lost after a shard's checkpoint, so that its worker goes on.

    Only where a worker has stopped and said so: it asks the stream again, and refuses
    where nothing is missing. The gap is written into the shard's chain, once and for
    good, and `tapeline verify` lists it.

    Example: `tapeline gap confirm shardId-000000000000`
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from kcl_app.gap import GapRefused
    from kcl_app.life import LifeError
    from kcl_app.stopped import Stopped

    site = site_of(config, pairs)
    try:
        note(_confirmed(site, shard))
    except (GapRefused, LifeError, Stopped, ClientError, BotoCoreError) as wrong:
        fail(str(wrong))


def _confirmed(site: Site, shard: str) -> str:
    from kcl_app.gap import GapRefused, confirm
    from kcl_app.life import read_life
    from kcl_app.wiring import lake_store, retention

    store = lake_store(site)
    life = read_life(store)
    if life is None:
        raise GapRefused(f"{site.lake_url} has no life yet: there is no gap in it")
    stream = retention(site, life.id)
    done = confirm(store, stream, life.id, shard, _checkpoint(site, shard))
    end = done.record.ends_at
    if done.oldest.at is None and done.oldest.now is not None and end is not None:
        stream.marks.put(shard, end, done.oldest.now)
    if done.oldest.at is None:
        return f"{shard}: gap confirmed; reading goes on with the next record that comes"
    return f"{shard}: gap confirmed; reading goes on at {done.oldest.at}, {done.oldest.arrived}"


def _checkpoint(site: Site, shard: str) -> Position:
    from kcl_app.gap import GapRefused
    from verify.leases import read

    table = site.settings.application.name
    found = read(site.client("dynamodb"), table)
    lease = found[0].get(shard) if found else None
    if lease is None:
        raise GapRefused(f"the lease table {table} has no lease of {shard}")
    if lease.checkpoint.position is None:
        raise GapRefused(f"{shard} has no checkpoint that could be too old: {lease.checkpoint}")
    return lease.checkpoint.position
