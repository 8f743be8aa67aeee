"""Every resource of the stack, in the order in which they are made."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from config.site import Site
from glue.bucket import LakeBucket, ResultsBucket
from glue.catalog import CatalogTable, Database
from glue.items import ItemTable
from glue.render import bars_final_columns, raw_input, table_input, view_input
from glue.resource import Resource
from glue.stream import Stream
from glue.topic import Topic
from glue.workgroup import Workgroup
from kcl_app.core.schema import TABLES

BARS_FINAL = "bars_final"
BARS_FINAL_DOC = "One row a bar: the highest revision of each part, parts put together."


def resources(site: Site, sleep: Callable[[float], None] = time.sleep) -> list[Resource]:
    """What `tapeline apply` makes for these settings; what a resource needs stands before it."""
    settings = site.settings
    shared: dict[str, Any] = {"clients": {}, "sleep": sleep}
    return [
        Stream(site, **shared),
        LakeBucket(site, **shared),
        ResultsBucket(site, **shared),
        ItemTable(site, settings.items.table, ("symbol", "timestamp"), "NEW_IMAGE", **shared),
        *live_bars(site, shared),
        ItemTable(site, settings.alerts.table, ("id",), **shared),
        Topic(site, **shared),
        Database(site, **shared),
        *(CatalogTable(site, definition, **shared) for definition in catalog(site)),
        Workgroup(site, **shared),
    ]


def live_bars(site: Site, shared: dict[str, Any]) -> list[Resource]:
    """The table of live bars, where hot sinks are told of them."""
    items = site.settings.items
    if not site.settings.windows.live:
        return []
    expires = "expires" if items.bars_days else ""
    return [ItemTable(site, items.bars_table, ("symbol", "bar"), expires=expires, **shared)]


def catalog(site: Site) -> list[dict[str, Any]]:
    """Glue's TableInputs: the lake's tables, the raw table where its place is set, the view."""
    settings = site.settings
    intervals = settings.windows.intervals
    tables = [
        table_input(table, site.lake_url, settings.market, intervals) for table in TABLES.values()
    ]
    raw = settings.catalog.raw_location
    view = view_input(
        BARS_FINAL,
        BARS_FINAL_DOC,
        view_sql(BARS_FINAL),
        settings.catalog.database,
        bars_final_columns(),
    )
    return [*tables, *([raw_input(raw)] if raw else []), view]


def view_sql(name: str) -> str:
    """The view's question in the Athena dialect."""
    return (files("athena") / "views" / f"{name}.sql").read_text()


def actions(stack: list[Resource]) -> list[str]:
    """IAM actions that `tapeline apply` takes for this stack, sorted."""
    return sorted({"sts:GetCallerIdentity", *(a for resource in stack for a in resource.actions)})
