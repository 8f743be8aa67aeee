"""A backfill of a site: from an origin into a life of its own, below another prefix."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import msgspec

from config.load import SettingsError
from config.settings import Settings, SinkUse
from config.site import Site
from kcl_app import plugins
from kcl_app.core.flow import Rules
from kcl_app.core.lake import LIFE
from kcl_app.core.records import Records
from kcl_app.core.repeats import Horizon
from kcl_app.core.store import Store
from kcl_app.fanout import Fanout
from kcl_app.kept_checkpoints import KeptCheckpoints
from kcl_app.life import Life, read_life
from kcl_app.pace import Pace
from kcl_app.processor import ShardProcessor
from kcl_app.store import honours_create
from kcl_app.wiring import lake_store, limits, rules, values
from replay.drive import drive
from replay.files import SHARD, FileOrigin
from replay.ids import Ids
from replay.lake import LakeOrigin
from replay.named import BackfillDecoder
from replay.objects import S3Place
from replay.origin import Origin, ReplayError
from replay.raw import RawOrigin

NEVER = float("inf")
CHECKPOINT_SECONDS = 10.0


@dataclass
class Summary:
    """What a run did. ``records`` are user records taken in this run; ``complete`` is False
    where it was stopped. A shard's place when the run began is in ``resumed``."""

    life: str
    lake: str
    origin: str
    records: int = 0
    shards: int = 0
    resumed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    complete: bool = True


def replay(
    site: Site,
    origin: Origin,
    to: Site,
    progress: Callable[[Summary], None] = lambda summary: None,
    stopped: Callable[[], bool] = lambda: False,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Summary:
    """Replay ``origin`` into the lake of ``to``; run again, it goes on where it was.

    Hot sinks get nothing: no alert is sent and no item written. Raises ReplayError where
    ``to`` is no place for it, PluginError for a wrong sink, SourceError for a file that
    cannot be read, Stopped where what stands contradicts what is read.
    """
    refuse_overlap(site, to)
    refuse_own_objects(origin, to)
    store = lake_store(to)
    chosen = rules_for(site.settings, origin)
    life = begin(store, to, origin, rules_digest(site.settings))
    summary = Summary(life.id, to.lake_url, origin.name)
    if isinstance(origin, FileOrigin | RawOrigin):
        origin.ids = Ids(store, origin.run, SHARD)
    checkpoints = KeptCheckpoints(store, life.id)
    began = now()

    def told(records: Records) -> None:
        summary.records += len(records)
        summary.seconds = now() - began
        progress(summary)

    with ThreadPoolExecutor(1, "cold") as writer:
        for shard in origin.shards():
            if (at := checkpoints.read(shard)).at or at.ended:
                summary.resumed[shard] = "its end" if at.ended else str(at.position)
            processor = _processor(to, store, chosen, life, writer, origin, now, sleep)
            summary.complete = drive(processor, origin, shard, checkpoints, told, stopped)
            if not summary.complete:
                break
            summary.shards += 1
    summary.seconds = now() - began
    return summary


def rules_for(settings: Settings, origin: Origin) -> Rules:
    """The rules of the settings. No bars for hot sinks; and what a life has accepted is not
    asked again whether it is a repeat. Raises SettingsError."""
    try:
        chosen = replace(rules(settings), watermark=None)
    except ValueError as wrong:
        raise SettingsError(str(wrong)) from wrong
    if isinstance(origin, LakeOrigin):
        return replace(chosen, horizon=Horizon(most=0))
    return chosen


def rules_digest(settings: Settings) -> str:
    """Of the settings that values follow from."""
    computed = settings.model_dump_json(include={"market", "windows", "flags", "repeats"})
    return hashlib.sha256(computed.encode()).hexdigest()[:8]


def refuse_overlap(site: Site, to: Site) -> None:
    """Raises ReplayError where one lake would lie inside the other."""
    if site.bucket != to.bucket:
        return
    ours, theirs = site.prefix, to.prefix
    if ours.startswith(theirs) or theirs.startswith(ours):
        raise ReplayError(
            f"{to.lake_url} and the lake of the settings, {site.lake_url}, lie in one another: "
            "a backfill has a prefix of its own, such as --to backfill"
        )


def refuse_own_objects(origin: Origin, to: Site) -> None:
    """Raises ReplayError where raw objects and the new lake would lie in one another."""
    place = origin.place if isinstance(origin, RawOrigin) else None
    if not isinstance(place, S3Place) or place.bucket != to.bucket:
        return
    raw = f"{place.prefix.rstrip('/')}/" if place.prefix else ""
    if raw.startswith(to.prefix) or to.prefix.startswith(raw):
        raise ReplayError(
            f"{to.lake_url} and the raw objects, {place.url}, lie in one another: choose another "
            "--to"
        )


def begin(store: Store, to: Site, origin: Origin, computed: str) -> Life:
    """The backfill's life, begun where there is none. Raises ReplayError where another stands."""
    standing = read_life(store)
    if standing is None:
        if not honours_create(store, f"control/probe-{secrets.token_hex(8)}"):
            raise ReplayError(f"s3://{to.bucket} does not honour If-None-Match: use another store")
        application = to.settings.application.name
        name = secrets.token_hex(4)
        wanted = Life(name, application, "", "", replayed=origin.name, rules=computed)
        if store.create(LIFE, msgspec.json.encode(wanted)):
            return wanted
        standing = read_life(store)
        assert standing is not None
    _same(standing, to, origin, computed)
    return standing


def _same(standing: Life, to: Site, origin: Origin, computed: str) -> None:
    other = "choose another --to"
    if not standing.replayed:
        raise ReplayError(
            f"{to.lake_url} is the lake of application {standing.application}, which may be "
            f"writing: {other}"
        )
    if standing.replayed != origin.name:
        raise ReplayError(
            f"{to.lake_url} is a backfill of {standing.replayed}, and this would be one of "
            f"{origin.name}: {other}"
        )
    if standing.rules != computed:
        raise ReplayError(
            f"{to.lake_url} was begun with other settings of market, windows, flags or repeats: "
            f"set them back, or {other}"
        )


def _processor(
    to: Site,
    store: Store,
    chosen: Rules,
    life: Life,
    writer: ThreadPoolExecutor,
    origin: Origin,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> ShardProcessor:
    settings = to.settings
    market = settings.market
    return ShardProcessor(
        store=store,
        sinks=Fanout(plugins.build([_lake_sink(settings)], to), store),
        decoder=BackfillDecoder(market.timezone, market.earliest_year, market.latest_year),
        rules=chosen,
        life=life.id,
        writer=writer,
        now=now,
        sleep=sleep,
        limits=limits(settings),
        pace=Pace(NEVER, NEVER, CHECKPOINT_SECONDS, settings.worker.checkpoint_cuts),
        parents=origin.parents,
        values=values(settings),
    )


def _lake_sink(settings: Settings) -> SinkUse:
    """The settings' parquet sink, with its fields; another lake has the defaults."""
    return next((use for use in settings.sinks if use.use == "parquet"), SinkUse(use="parquet"))
