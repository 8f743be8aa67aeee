"""An AWS that refuses: the world is faked at the wire, our own code is not."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from config.site import Site

JSON = b'{"__type": "AccessDeniedException", "message": "no identity-based policy allows it"}'
XML = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Raw(io.BytesIO):
    def stream(self) -> Any:
        yield self.read()


class DenyingSite(Site):
    """A site whose ``calls`` (``"glue.CreateTable"``) are answered with access denied."""

    calls: tuple[str, ...] = ()

    def client(self, service: str, **config: Any) -> Any:
        made = super().client(service, **config)
        for call in self.calls:
            made.meta.events.register(f"before-send.{call}", _denied)
        return made


def _denied(request: Any, event_name: str, **_: Any) -> AWSResponse:
    xml = ".s3." in event_name
    body, kind = (XML, "application/xml") if xml else (JSON, "application/x-amz-json-1.1")
    status = 403 if xml else 400
    return AWSResponse(
        request.url, status, HTTPHeaders.from_dict({"Content-Type": kind}), Raw(body)
    )


@pytest.fixture
def denying() -> Callable[..., Site]:
    """The same site, not allowed the named calls."""

    def deny(site: Site, *calls: str) -> Site:
        refusing = DenyingSite(site.settings)
        refusing.session = site.session
        refusing.calls = calls
        return refusing

    return deny
