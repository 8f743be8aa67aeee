"""Origins from what a person names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from config.site import Site
from kcl_app.life import read_life
from kcl_app.store import S3Store
from producer.replay import ReplaySource
from producer.source import build
from replay.files import FileOrigin
from replay.lake import LakeOrigin
from replay.origin import ReplayError
from verify.lake import S3Lake


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


def file_origin(
    site: Site, files: Sequence[str], reading: Mapping[str, Any], say: Callable[[str], None]
) -> FileOrigin:
    """Files as ``tapeline produce replay`` reads them; ``reading`` are its settings.

    Raises SourceError for settings that are wrong, ReplayError for a file that isn't there.
    """
    source = build(ReplaySource, {"files": list(files), **reading})
    assert isinstance(source, ReplaySource)
    source.say = say
    market = site.settings.market
    return FileOrigin(source, (market.earliest_year, market.latest_year))


def _place(url: str) -> tuple[str, str]:
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    if not bucket:
        raise ReplayError(f"{url}: write s3://BUCKET/PREFIX")
    stripped = prefix.strip("/")
    return bucket, f"{stripped}/" if stripped else ""
