"""Whether there is a stream to read, asked before the daemon tries for minutes."""

from __future__ import annotations

import logging

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from config.site import Site

log = logging.getLogger("tapeline.worker")


class StreamMissing(Exception):
    """The stream does not exist. The text says how to make it."""


def require_stream(site: Site) -> None:
    """Raises StreamMissing, also where no emulator answers.

    Any other trouble is said and left to the KCL, which retries.
    """
    name, region = site.settings.stream.name, site.settings.region
    kinesis = site.client("kinesis")
    try:
        kinesis.describe_stream_summary(StreamName=name)
    except kinesis.exceptions.ResourceNotFoundException:
        where = site.settings.endpoint_url or f"AWS {region}"
        raise StreamMissing(
            f"there is no stream {name} at {where}: make it with tapeline apply, or name "
            "another with --set stream.name=NAME"
        ) from None
    except (BotoCoreError, ClientError) as trouble:
        if isinstance(trouble, EndpointConnectionError) and site.settings.local:
            raise StreamMissing(
                f"nothing answers at {site.settings.endpoint_url}: start a local AWS with "
                "tapeline local up, or correct endpoint_url"
            ) from None
        log.warning("cannot look at stream %s: %s; starting all the same", name, trouble)
