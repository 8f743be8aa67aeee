"""What a worker proves before its daemon starts: the lake is this application's own."""

from __future__ import annotations

import secrets
from datetime import UTC

from config.site import Site
from kcl_app.life import Life, open_life
from kcl_app.stopped import Stopped
from kcl_app.store import honours_create
from kcl_app.wiring import lake_store


def open_lake(site: Site) -> Life:
    """The lake's life, begun where there is none.

    Raises LifeError where the lake belongs to another stream or application, and
    Stopped where the store takes a second create of one key.
    """
    store = lake_store(site)
    if not honours_create(store, f"control/probe-{secrets.token_hex(8)}"):
        raise Stopped(
            f"s3://{site.bucket} does not honour If-None-Match: two workers could both write one "
            "cut. Use S3 itself, or a store with conditional writes"
        )
    described = site.client("kinesis").describe_stream_summary(
        StreamName=site.settings.stream.name
    )["StreamDescriptionSummary"]
    created = described["StreamCreationTimestamp"].astimezone(UTC).isoformat()
    wanted = Life(
        id=secrets.token_hex(4),
        application=site.settings.application.name,
        stream_arn=described["StreamARN"],
        stream_created=created,
    )
    return open_life(store, wanted)
