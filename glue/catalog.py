"""The Glue database, its tables and its view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from glue.resource import Aspects, Blocked, Change, Resource, code_of

MISSING = "EntityNotFoundException"
OURS = ("projection.", "storage.")
"""Lead of parameters that are ours alone: one that we no longer want is removed."""


@dataclass
class Database(Resource):
    """The database that the tables stand in."""

    kind = "database"
    service = "glue"
    actions = ("glue:GetDatabase", "glue:CreateDatabase")

    @property
    def name(self) -> str:
        return self.site.settings.catalog.database

    def wanted(self) -> Aspects:
        return {"name": self.name}

    def check(self) -> None:
        if self.name != self.name.lower():
            raise Blocked(
                f"catalog.database {self.name}: Glue writes names in small letters: "
                f"{self.name.lower()}"
            )

    def read(self) -> Aspects | None:
        try:
            return {"name": self.client.get_database(Name=self.name)["Database"]["Name"]}
        except ClientError as error:
            if code_of(error) == MISSING:
                return None
            raise

    def create(self) -> None:
        self.client.create_database(
            DatabaseInput={"Name": self.name, "Description": "Market ticks, bars and flags"}
        )

    def change(self, changes: Sequence[Change]) -> None:
        raise AssertionError("a database found by its name has that name")


@dataclass
class CatalogTable(Resource):
    """A table or view as Glue stores it. Parameters that others added stay."""

    definition: dict[str, Any]
    """Glue's TableInput."""

    kind = "catalog"
    service = "glue"
    actions = ("glue:GetTable", "glue:CreateTable", "glue:UpdateTable")

    @property
    def name(self) -> str:
        return str(self.definition["Name"])

    @property
    def database(self) -> str:
        return self.site.settings.catalog.database

    def wanted(self) -> Aspects:
        return _aspects(self.definition)

    def read(self) -> Aspects | None:
        table = self._table()
        if table is None:
            return None
        known = self.definition["Parameters"]
        given = table.get("Parameters", {})
        ours = {k: v for k, v in given.items() if k in known or k.startswith(OURS)}
        return _aspects({**table, "Parameters": ours})

    def refuse(self, changes: Sequence[Change]) -> None:
        """A column whose type changes would make the files that are there unreadable."""
        by_aspect = {change.aspect: change for change in changes}
        if "location" in by_aspect or "columns" not in by_aspect or self.view:
            return
        columns = by_aspect["columns"]
        wants = dict(columns.wants)
        for name, kind in columns.has:
            if wants.get(name, kind) != kind:
                raise Blocked(
                    f"table {self.database}.{self.name}: column {name} is {kind} in the files "
                    f"that are there, and {wants[name]} in this release: choose a new "
                    "lake.prefix, or another catalog.database for this release"
                )

    @property
    def view(self) -> bool:
        return bool(self.definition["TableType"] == "VIRTUAL_VIEW")

    def create(self) -> None:
        self.client.create_table(DatabaseName=self.database, TableInput=self.definition)

    def change(self, changes: Sequence[Change]) -> None:
        given = (self._table() or {}).get("Parameters", {})
        theirs = {k: v for k, v in given.items() if not k.startswith(OURS)}
        definition = {**self.definition, "Parameters": theirs | self.definition["Parameters"]}
        self.client.update_table(DatabaseName=self.database, TableInput=definition)

    def _table(self) -> dict[str, Any] | None:
        try:
            answer = self.client.get_table(DatabaseName=self.database, Name=self.name)
        except ClientError as error:
            if code_of(error) == MISSING:
                return None
            raise
        return dict(answer["Table"])


def _aspects(table: dict[str, Any]) -> Aspects:
    storage = table["StorageDescriptor"]
    serde = storage.get("SerdeInfo", {})
    return {
        "type": table["TableType"],
        "description": table.get("Description", ""),
        "columns": _typed(storage["Columns"]),
        "comments": _comments(storage["Columns"] + table.get("PartitionKeys", [])),
        "partitions": _typed(table.get("PartitionKeys", [])),
        "location": storage.get("Location", ""),
        "format": (storage.get("InputFormat"), storage.get("OutputFormat")),
        "serde": (serde.get("SerializationLibrary"), serde.get("Parameters", {})),
        "parameters": table.get("Parameters", {}),
        "view": table.get("ViewOriginalText") or "",
    }


def _typed(columns: list[dict[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((c["Name"], c["Type"]) for c in columns)


def _comments(columns: list[dict[str, str]]) -> dict[str, str]:
    return {c["Name"]: c["Comment"] for c in columns if c.get("Comment")}
