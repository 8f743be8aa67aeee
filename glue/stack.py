"""Every resource of the stack, in the order in which they are made."""

from __future__ import annotations

from importlib.resources import files

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


def resources(site: Site) -> list[Resource]:
    """What `tapeline apply` makes for these settings; what a resource needs stands before it."""
    return [
        Stream(site),
        LakeBucket(site),
        ResultsBucket(site),
        ItemTable(site, site.settings.items.table, ("symbol", "timestamp"), view="NEW_IMAGE"),
        ItemTable(site, site.settings.alerts.table, ("id",)),
        Topic(site),
        Database(site),
        *catalog(site),
        Workgroup(site),
    ]


def catalog(site: Site) -> list[CatalogTable]:
    """The lake's tables, the raw table where its location is set, and the view."""
    settings = site.settings
    intervals = settings.windows.intervals
    definitions = [
        table_input(table, site.lake_url, settings.market, intervals) for table in TABLES.values()
    ]
    if settings.catalog.raw_location:
        definitions.append(raw_input(settings.catalog.raw_location))
    definitions.append(
        view_input(
            BARS_FINAL,
            BARS_FINAL_DOC,
            view_sql(BARS_FINAL),
            settings.catalog.database,
            bars_final_columns(),
        )
    )
    return [CatalogTable(site, definition) for definition in definitions]


def view_sql(name: str) -> str:
    """The view's question in the Athena dialect."""
    return (files("athena") / "views" / f"{name}.sql").read_text()


def actions(stack: list[Resource]) -> list[str]:
    """IAM actions that `tapeline apply` takes for this stack, sorted."""
    return sorted({"sts:GetCallerIdentity", *(a for resource in stack for a in resource.actions)})
