"""The proof of a site: where its life, leases and stream are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from config.load import SettingsError
from config.site import Site
from kcl_app.kept_checkpoints import KeptCheckpoints
from kcl_app.life import Life, read_life
from kcl_app.store import S3Store
from verify import alertrules, completeness, leases, stream
from verify.alerting import Watched
from verify.alertitems import AlertTable
from verify.facts import Facts
from verify.findings import Finding
from verify.lake import S3Lake
from verify.leases import Lease
from verify.proof import READERS, Completeness, Progress, prove
from verify.scope import Scope
from verify.summary import Report


class VerifyError(Exception):
    """There is nothing to prove, or no way to. The text says what to do."""


def report(
    site: Site,
    scope: Scope | None = None,
    life: str = "",
    progress: Progress = lambda said: None,
    memory: str = "512MB",
) -> Report:
    """Prove the lake of ``site``. ``life`` names another than the one that lives.

    ``memory`` bounds what DuckDB holds; beside it a few cuts are in memory. Raises
    VerifyError where there is no life, or the stream is asked for and is gone.
    """
    scope = scope or Scope()
    s3 = site.client("s3", max_pool_connections=2 * READERS)
    lake = S3Lake(s3, site.bucket, site.prefix)
    standing = _standing(site, s3)
    if life and (standing is None or life != standing.id):
        _known(lake, site, life)
        over = prove(lake, Facts(life, over=True), scope, progress, memory=memory)
        over.lake, over.alerts_unproven = site.lake_url, "of another life"
        return over
    if standing is None:
        raise VerifyError(
            f"no life has begun at {site.lake_url}: nothing was stored there yet, or lake.bucket "
            "and lake.prefix name another place"
        )
    return _living(site, lake, standing, scope, progress, memory)


def _living(
    site: Site, lake: S3Lake, life: Life, scope: Scope, progress: Progress, memory: str
) -> Report:
    if life.replayed:
        return _replayed(site, lake, life, scope, progress, memory)
    kinesis = site.client("kinesis")
    held, wrong = _leases(site)
    shards = stream.shards(kinesis, life.stream_arn)
    facts = Facts(life.id, life.application, held, shards or {})
    complete: Completeness = completeness.against_nothing
    if scope.against == "manifest":
        complete = completeness.against_manifests
    elif scope.against == "stream":
        if shards is None:
            raise VerifyError(f"the stream {life.stream_arn} is gone: use --against manifest")
        pause = {"sleep": lambda seconds: None} if site.settings.local else {}
        complete = completeness.AgainstStream(kinesis, life.stream_arn, **pause)
    watched, unproven = _watched(site)

    def again() -> Mapping[str, Lease]:
        return _leases(site)[0] or {}

    done = prove(lake, facts, scope, progress, complete, again, memory, wrong, watched)
    done.lake, done.alerts_unproven = site.lake_url, unproven
    return done


def _watched(site: Site) -> tuple[list[Watched], str]:
    """The alert sinks of the settings, or why there is none.

    A sink whose package is missing here says so: the lake is proven all the same.
    """
    try:
        rules = alertrules.of_site(site)
    except SettingsError as wrong:
        return [], f"the settings' sinks cannot be built here: {wrong}"
    client = site.client("dynamodb")
    watched = [Watched(one, AlertTable(client, one.table)) for one in rules]
    return watched, "" if watched else "no sink of the settings sends any"


def _replayed(
    site: Site, lake: S3Lake, life: Life, scope: Scope, progress: Progress, memory: str
) -> Report:
    """A backfill's lake has no stream and no leases: its checkpoints stand beside its cuts."""
    if scope.against == "stream":
        raise VerifyError(f"the lake is a backfill of {life.replayed}: it has no stream")
    checkpoints = KeptCheckpoints(S3Store(lake.client, site.bucket, site.prefix), life.id)

    def held() -> dict[str, Lease]:
        return {
            shard: leases.kept(shard, checkpoints.read(shard))
            for shard in lake.folders(f"cuts/{life.id}/")
        }

    complete: Completeness = completeness.against_nothing
    if scope.against == "manifest":
        complete = completeness.against_manifests
    facts = Facts(life.id, life.application, held())
    done = prove(lake, facts, scope, progress, complete, held, memory)
    done.lake, done.alerts_unproven = site.lake_url, "a backfill sends none"
    return done


def _standing(site: Site, s3: Any) -> Life | None:
    store = S3Store(s3, site.bucket, site.prefix)
    try:
        return read_life(store)
    except s3.exceptions.NoSuchBucket:
        raise VerifyError(f"there is no bucket {site.bucket}: tapeline apply makes it") from None


def _known(lake: S3Lake, site: Site, life: str) -> None:
    lives = sorted(lake.folders("cuts/"))
    if life not in lives:
        raise VerifyError(
            f"no life {life} at {site.lake_url}; there are: {', '.join(lives) or 'none'}"
        )


def _leases(site: Site) -> tuple[Mapping[str, Lease] | None, list[Finding]]:
    table = site.settings.application.name
    read = leases.read(site.client("dynamodb"), table)
    if read is None:
        return None, [Finding("lease", f"there is no lease table {table}")]
    return read
