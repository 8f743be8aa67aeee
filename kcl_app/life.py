"""A lake's life: one stream, one application, one chain of cuts a shard.

Shard ids repeat when a stream is made again, and a lease table can be lost; a
life ties the lake to both, so that a start which does not continue it is refused.
"""

from __future__ import annotations

import msgspec

from kcl_app.core.lake import LIFE
from kcl_app.core.store import Store

FORMAT = 1


class LifeError(Exception):
    """This start does not continue the lake's life. The text says how to begin another."""


class Life(msgspec.Struct, frozen=True):
    """``stream_created`` is ISO text as the stream's description gives it.

    A backfill's life has no stream, but ``replayed``, what it reads, and ``rules``, a
    digest of the settings that its values follow from.
    """

    id: str
    application: str
    stream_arn: str
    stream_created: str
    format: int = FORMAT
    replayed: str = ""
    rules: str = ""


def open_life(store: Store, wanted: Life) -> Life:
    """The lake's life: the standing one where it matches ``wanted`` but for its id, else
    ``wanted``, now created. Raises LifeError where another life stands."""
    if store.create(LIFE, msgspec.json.encode(wanted)):
        return wanted
    standing = read_life(store)
    assert standing is not None
    if standing.replayed:
        raise LifeError(
            f"the lake is a backfill of {standing.replayed}: no stream is written there. "
            f"{begin_anew(wanted.application)}"
        )
    for name in ("application", "stream_arn", "stream_created"):
        here, there = getattr(wanted, name), getattr(standing, name)
        if here != there:
            raise LifeError(
                f"the lake belongs to {name.replace('_', ' ')} {there}, this start has {here}. "
                f"{begin_anew(wanted.application)}"
            )
    return standing


def read_life(store: Store) -> Life | None:
    """The standing life, or None. Raises LifeError for a format this release doesn't know."""
    body = store.get(LIFE)
    if body is None:
        return None
    life = msgspec.json.decode(body, type=Life)
    if life.format != FORMAT:
        raise LifeError(f"life format {life.format} is of a later release: run that one")
    return life


def begin_anew(application: str) -> str:
    """The remedy: a new prefix and a new lease table, so that nothing old is touched."""
    return (
        "To begin a new life beside it: tapeline worker --set lake.prefix=NEW "
        f"--set application.name={application}-NEW"
    )
