"""Where this process works: account, region, endpoint, lake. The one maker of AWS clients."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from config.settings import Settings

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass
class Site:
    """AWS as the settings describe it. ``endpoint_url`` is all that differs on one machine."""

    settings: Settings

    @cached_property
    def session(self) -> Any:
        """A boto3 session. Credentials are AWS's own chain; an emulator gets made-up ones."""
        host = urlsplit(self.settings.endpoint_url).hostname
        if host in LOOPBACK and "AWS_ACCESS_KEY_ID" not in os.environ:
            return boto3.Session("local", "local", region_name=self.settings.region)
        return boto3.Session(region_name=self.settings.region)

    def client(self, service: str, **config: Any) -> Any:
        """A client of ``service`` with bounded time-outs and retries; ``config`` overrides."""
        chosen = {
            "connect_timeout": 5,
            "read_timeout": 60,
            "retries": {"mode": "standard", "total_max_attempts": 5},
            **({"s3": {"addressing_style": "path"}} if self.settings.endpoint_url else {}),
            **config,
        }
        return self.session.client(
            service, endpoint_url=self.settings.endpoint_url or None, config=Config(**chosen)
        )

    @cached_property
    def account(self) -> str:
        """The account's twelve digits, asked of STS once."""
        return str(self.client("sts").get_caller_identity()["Account"])

    @cached_property
    def bucket(self) -> str:
        return self.settings.lake.bucket or f"tapeline-lake-{self.account}-{self.settings.region}"

    @cached_property
    def results_bucket(self) -> str:
        named = self.settings.lake.results_bucket
        return named or f"tapeline-results-{self.account}-{self.settings.region}"

    @property
    def prefix(self) -> str:
        """The lake's prefix with a trailing slash, or empty."""
        stripped = self.settings.lake.prefix.strip("/")
        return f"{stripped}/" if stripped else ""

    @property
    def lake_url(self) -> str:
        """``s3://bucket/prefix/``."""
        return f"s3://{self.bucket}/{self.prefix}"
