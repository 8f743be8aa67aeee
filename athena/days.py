"""The days that the lake holds, from its prefixes alone."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from athena.library import Question
from athena.objects import unreadable
from athena.parameters import FIRST_DAY, LAST_DAY, Value
from config.site import Site
from kcl_app.core.schema import TABLES

_DAY = re.compile(r"dt=(\d{4}-\d\d-\d\d)/$")
NEVER = dt.date(1990, 1, 1)
"""The day asked of a lake that holds none."""


def filled(site: Site, asked: Question, given: Mapping[str, Value]) -> dict[str, Value]:
    """``given``, and for the parameters without a value their defaults.

    The lake is listed only where a default needs it: one request a thousand days.
    Raises QueryError where it cannot be, and ParameterError.
    """
    values = dict(given)
    missing = {
        n: p for n, p in asked.parameters.items() if n not in given and p.default is not None
    }
    moving = {n: p.default for n, p in missing.items() if p.default in (FIRST_DAY, LAST_DAY)}
    if moving:
        try:
            first, last = (day.isoformat() for day in span(days(site, _tables(asked.sql))))
        except (BotoCoreError, ClientError) as failed:
            raise unreadable(site, failed) from None
        values |= {n: first if which == FIRST_DAY else last for n, which in moving.items()}
    for name, parameter in missing.items():
        if name not in moving:
            values[name] = parameter.read(parameter.default or "")
    return values


def span(found: Iterable[dt.date]) -> tuple[dt.date, dt.date]:
    ordered = sorted(found)
    return (ordered[0], ordered[-1]) if ordered else (NEVER, NEVER)


def days(site: Site, tables: Iterable[str]) -> set[dt.date]:
    """The dt's that any of ``tables`` has."""
    client = site.client("s3")
    return {day for table in tables for day in _days(client, site, f"{site.prefix}{table}/")}


def _days(client: Any, site: Site, prefix: str) -> Iterable[dt.date]:
    for below in _folders(client, site.bucket, prefix):
        if found := _DAY.search(below):
            yield dt.date.fromisoformat(found[1])
        elif "/interval=" in below[len(prefix) - 1 :]:
            yield from _days(client, site, below)


def _folders(client: Any, bucket: str, prefix: str) -> Iterable[str]:
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, Delimiter="/"
    )
    return [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ())]


def _tables(sql: str) -> list[str]:
    """The tables whose names stand in ``sql``; a view's days are its table's."""
    return [name for name in TABLES if re.search(rf"\b{name}", sql)] or list(TABLES)
