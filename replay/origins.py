"""Origins from what a person names: a lake, raw JSON objects, or files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from config.site import Site
from kcl_app.life import read_life
from kcl_app.store import S3Store
from producer.replay import ReplaySource
from producer.source import build
from replay.files import FileOrigin
from replay.lake import LakeOrigin
from replay.objects import FolderPlace, S3Place
from replay.origin import ReplayError
from replay.raw import RawOrigin
from verify.lake import S3Lake

LAKE, RAW, S3 = "s3", "raw", "s3://"


def lake_origin(site: Site, url: str = "") -> LakeOrigin:
    """The living life of the lake at ``s3://BUCKET/PREFIX``; of the settings' lake without.

    Raises ReplayError where no life stands there.
    """
    bucket, prefix = _place(url) if url else (site.bucket, site.prefix)
    client = site.client("s3")
    try:
        life = read_life(S3Store(client, bucket, prefix))
    except client.exceptions.NoSuchBucket:
        raise ReplayError(f"there is no bucket {bucket}") from None
    where = f"s3://{bucket}/{prefix}"
    if life is None:
        raise ReplayError(f"no lake stands at {where}: nothing was stored there yet")
    return LakeOrigin(S3Lake(client, bucket, prefix), life.id, where)


def named_origin(site: Site, named: str) -> LakeOrigin | RawOrigin:
    """What lies at ``named``: ``s3`` (the settings' lake), ``raw`` (the settings'
    catalog.raw_location), ``s3://BUCKET/PREFIX`` (a lake, else raw objects), or a folder of
    raw objects. Raises ReplayError where nothing does."""
    if named == LAKE:
        return lake_origin(site)
    url = _raw_location(site) if named == RAW else named
    if url.startswith(S3):
        if named != RAW and _lake_stands(site, url):
            return lake_origin(site, url)
        bucket, _, prefix = url.removeprefix(S3).partition("/")
        return RawOrigin(S3Place(site.client("s3"), bucket, prefix), _years(site))
    return RawOrigin(FolderPlace(Path(url)), _years(site))


def _raw_location(site: Site) -> str:
    url = site.settings.catalog.raw_location
    if not url:
        raise ReplayError("catalog.raw_location says no place: set it, or name s3://BUCKET/PREFIX")
    return url


def _lake_stands(site: Site, url: str) -> bool:
    bucket, prefix = _place(url)
    client = site.client("s3")
    try:
        return read_life(S3Store(client, bucket, prefix)) is not None
    except client.exceptions.NoSuchBucket:
        raise ReplayError(f"there is no bucket {bucket}") from None


def _years(site: Site) -> tuple[int, int]:
    market = site.settings.market
    return market.earliest_year, market.latest_year


def file_origin(
    site: Site, files: Sequence[str], reading: Mapping[str, Any], say: Callable[[str], None]
) -> FileOrigin:
    """Files as ``tapeline produce replay`` reads them; ``reading`` are its settings.

    Raises SourceError for settings that are wrong, ReplayError for a file that isn't there.
    """
    source = build(ReplaySource, {"files": list(files), **reading})
    assert isinstance(source, ReplaySource)
    source.say = say
    return FileOrigin(source, _years(site))


def _place(url: str) -> tuple[str, str]:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise ReplayError(f"{url}: write s3://BUCKET/PREFIX")
    stripped = prefix.strip("/")
    return bucket, f"{stripped}/" if stripped else ""
