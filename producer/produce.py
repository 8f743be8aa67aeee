"""A run of a producer: source, pace, publisher and manifest put together."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from contextlib import ExitStack
from typing import Any

from config.site import Site
from producer.clock import Clock
from producer.manifest import Manifest, run_id
from producer.pace import paced
from producer.publish import BACKLOG, NoLedger, Publisher, Summary
from producer.source import Source


def _quiet(_: object) -> None:
    pass


def produce(
    site: Site,
    source: Source,
    *,
    speed: float | None = None,
    lines: int = 0,
    manifest: bool = True,
    clock: Clock | None = None,
    progress: Callable[[Summary], None] = _quiet,
    say: Callable[[str], None] = _quiet,
    token: str = "",
) -> Summary:
    """Put all of ``source`` on the site's stream and its ids into the site's lake.

    ``speed`` is a multiple of the market's own pace, None is as fast as it goes; a
    live source has its own. ``lines`` is how many ticks of a symbol may share a
    record; 0 lets symbols that are too few to fill calls share as many as do.
    ``clock`` may ask to stop: what was read by then is published still. Whatever
    happens, the manifest names what was acknowledged. ``say`` gets the source's
    sentences to the user, ``progress`` the counts so far, ``token`` is random text
    that tells two runs of one second apart.
    Raises SourceError and PublishError; see there.
    """
    clock = clock or Clock()
    source.clock = clock
    source.say = say
    run = run_id(clock.now(), token or secrets.token_hex(4))
    speed = None if source.live else speed
    ledger = _manifest(site, run, clock) if manifest else None
    publisher = Publisher(
        kinesis(site),
        site.settings.stream.name,
        run,
        clock,
        ledger or NoLedger(),
        lines=lines,
        backlog=0 if speed or source.live else BACKLOG,
        progress=progress,
    )
    batches = source.batches()
    with ExitStack() as stack:
        if ledger:
            stack.callback(_close_books, ledger, publisher.summary)
        if isinstance(batches, Generator):
            stack.callback(batches.close)
        publisher.publish(paced(batches, speed, clock))
    publisher.summary.stopped = clock.stopped()
    return publisher.summary


def kinesis(site: Site) -> Any:
    """A Kinesis client that leaves retrying to the publisher, which knows about order."""
    return site.client(
        "kinesis", read_timeout=30, retries={"mode": "standard", "total_max_attempts": 1}
    )


def _close_books(manifest: Manifest, summary: Summary) -> None:
    manifest.flush()
    summary.parts = manifest.parts


def _manifest(site: Site, run: str, clock: Clock) -> Manifest:
    manifest = Manifest(site.client("s3"), site.bucket, site.prefix, run, clock)
    manifest.open()
    return manifest
