"""A shard's processor from the settings: the one place where its parts are joined."""

from __future__ import annotations

import hashlib
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

from config.settings import Settings
from config.site import Site
from kcl_app import plugins
from kcl_app.core.decode import Decoder
from kcl_app.core.flow import Rules
from kcl_app.family import Family
from kcl_app.fanout import Fanout
from kcl_app.life import read_life
from kcl_app.opencut import Limits
from kcl_app.pace import Pace
from kcl_app.processor import ShardProcessor
from kcl_app.quiet import QuietMarks
from kcl_app.retention import StreamRetention
from kcl_app.rules import rules_of
from kcl_app.stopped import Stopped
from kcl_app.store import S3Store

LISTED_AT_ONCE = 1000


class Wiring:
    """What ``worker.processor`` names by default."""

    @staticmethod
    def from_settings(settings: Settings, last_words: Any = None) -> ShardProcessor:
        """Raises Stopped where the lake has no life yet, and the errors of its parts."""
        site = Site(settings)
        store = lake_store(site)
        life = read_life(store)
        if life is None:
            raise Stopped(
                f"{site.lake_url} has no life yet: start the shard through tapeline worker"
            )
        family = Family(site.client("kinesis"), settings.stream.name)
        return ShardProcessor(
            store=store,
            sinks=Fanout(plugins.build(settings.sinks, site), store),
            decoder=decoder(settings),
            rules=rules(settings),
            life=life.id,
            writer=ThreadPoolExecutor(1, "cold"),
            now=time.monotonic,
            sleep=time.sleep,
            limits=limits(settings),
            pace=pace(settings),
            parents=family.parents,
            children=family.children,
            retention=retention(site, life.id),
            values=values(settings),
        )


def lake_store(site: Site) -> S3Store:
    return S3Store(site.client("s3"), site.bucket, site.prefix)


def decoder(settings: Settings) -> Decoder:
    market = settings.market
    return Decoder(market.timezone, market.earliest_year, market.latest_year)


def rules(settings: Settings) -> Rules:
    """Windows and detectors, in the order in which flags are written."""
    return rules_of(settings)


def limits(settings: Settings) -> Limits:
    cut = settings.cut
    megabytes = int(cut.megabytes * 1_000_000)
    return Limits(cut.records, megabytes, cut.dates, settings.worker.symbols)


def pace(settings: Settings) -> Pace:
    return Pace(
        cut_seconds=settings.cut.seconds,
        idle_seconds=settings.cut.idle_seconds,
        checkpoint_seconds=settings.worker.checkpoint_seconds,
        checkpoint_cuts=settings.worker.checkpoint_cuts,
    )


def values(settings: Settings) -> str:
    """The release, and a digest of what the values are computed by."""
    computed = settings.model_dump_json(include={"market", "windows", "flags", "repeats"})
    return f"{version('tapeline')}/{hashlib.sha256(computed.encode()).hexdigest()[:8]}"


def retention(site: Site, life: str) -> StreamRetention:
    """What the stream still holds, and the marks of quiet shards in the lake."""
    marks = QuietMarks(site.client("s3"), site.bucket, site.prefix, life)
    return StreamRetention(site.client("kinesis"), site.settings.stream.name, marks)
