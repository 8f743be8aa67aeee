"""The Athena workgroup: where results go, and how much one question may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from config.site import Site
from glue.bucket import results_prefix
from glue.resource import Aspects, Blocked, Change, Resource, code_of

ENGINE = "Athena engine version 3"


def results_url(site: Site) -> str:
    """Where the workgroup's answers go."""
    return f"s3://{site.results_bucket}/{results_prefix(site)}"


@dataclass
class Workgroup(Resource):
    """Its settings bind every client: results in our bucket, encrypted, a limit a query."""

    kind = "workgroup"
    service = "athena"
    actions = ("athena:GetWorkGroup", "athena:CreateWorkGroup", "athena:UpdateWorkGroup")

    @property
    def name(self) -> str:
        return self.site.settings.catalog.workgroup

    def wanted(self) -> Aspects:
        return {
            "results": results_url(self.site),
            "encryption": "SSE_S3",
            "enforced": True,
            "scan_limit_bytes": self.site.settings.catalog.scan_limit_gb * 1_000_000_000,
            "engine": ENGINE,
            "state": "ENABLED",
        }

    def read(self) -> Aspects | None:
        try:
            group = self.client.get_work_group(WorkGroup=self.name)["WorkGroup"]
        except ClientError as error:
            if code_of(error) == "InvalidRequestException" and "not found" in str(error):
                return None
            raise
        given = group["Configuration"]
        result = given.get("ResultConfiguration", {})
        engine = given.get("EngineVersion", {})
        return {
            "results": result.get("OutputLocation"),
            "encryption": result.get("EncryptionConfiguration", {}).get("EncryptionOption"),
            "enforced": given.get("EnforceWorkGroupConfiguration"),
            "scan_limit_bytes": given.get("BytesScannedCutoffPerQuery"),
            "engine": engine.get("EffectiveEngineVersion", engine.get("SelectedEngineVersion")),
            "state": group["State"],
        }

    def refuse(self, changes: Sequence[Change]) -> None:
        if self.name == "primary" and changes:
            raise Blocked(
                "workgroup primary is everybody's: give catalog.workgroup a name of its own"
            )

    def create(self) -> None:
        self.client.create_work_group(
            Name=self.name,
            Description="Questions to the tape",
            Configuration={"ResultConfiguration": self._result(), **self._limits()},
        )

    def change(self, changes: Sequence[Change]) -> None:
        self.client.update_work_group(
            WorkGroup=self.name,
            State="ENABLED",
            ConfigurationUpdates={"ResultConfigurationUpdates": self._result(), **self._limits()},
        )

    def _result(self) -> dict[str, Any]:
        wanted = self.wanted()
        return {
            "OutputLocation": wanted["results"],
            "EncryptionConfiguration": {"EncryptionOption": wanted["encryption"]},
        }

    def _limits(self) -> dict[str, Any]:
        return {
            "EnforceWorkGroupConfiguration": True,
            "BytesScannedCutoffPerQuery": self.wanted()["scan_limit_bytes"],
            "EngineVersion": {"SelectedEngineVersion": ENGINE},
        }
