"""The DynamoDB tables: the latest items, live bars, and the alerts' marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from glue.resource import Aspects, Blocked, Change, Resource, code_of

POLL = {"Delay": 2, "MaxAttempts": 150}
BACKUP_ATTEMPTS = 30
BACKUP_S = 2.0


@dataclass
class ItemTable(Resource):
    """An on-demand table, restorable to any second of the last 35 days."""

    table: str
    keys: tuple[str, ...]
    """Text attributes: the partition key, then the sort key where there is one."""
    view: str = ""
    """What its stream of changes carries; empty is no stream."""
    expires: str = ""
    """The attribute that says, in seconds since 1970, when an item goes; empty keeps all."""

    kind = "table"
    service = "dynamodb"
    actions = (
        "dynamodb:DescribeTable",
        "dynamodb:CreateTable",
        "dynamodb:UpdateTable",
        "dynamodb:DescribeContinuousBackups",
        "dynamodb:UpdateContinuousBackups",
        "dynamodb:DescribeTimeToLive",
        "dynamodb:UpdateTimeToLive",
    )

    @property
    def name(self) -> str:
        return self.table

    def wanted(self) -> Aspects:
        return {
            "keys": self.keys,
            "billing": "PAY_PER_REQUEST",
            **({"stream": self.view} if self.view else {}),
            "restorable": True,
            **({"expires": self.expires} if self.expires else {}),
        }

    def read(self) -> Aspects | None:
        table = self._described()
        if table is None:
            return None
        if table["TableStatus"] == "DELETING":
            raise Blocked(f"table {self.name} is being deleted: apply again in a minute")
        by_role = sorted(table["KeySchema"], key=lambda k: str(k["KeyType"]) != "HASH")
        types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
        named = [k["AttributeName"] for k in by_role]
        return {
            "keys": tuple(n if types[n] == "S" else f"{n} ({types[n]})" for n in named),
            "billing": table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED"),
            "stream": (table.get("StreamSpecification") or {}).get("StreamViewType", ""),
            "restorable": self._restorable(),
            **({"expires": self._expiring()} if self.expires else {}),
        }

    def refuse(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.aspect == "keys":
                raise Blocked(
                    f"table {self.name} has the keys {', '.join(change.has)}, and needs "
                    f"{', '.join(change.wants)}; keys cannot be changed: choose another name, "
                    "or delete the table if its items may go"
                )
            if change.aspect == "stream" and change.has:
                raise Blocked(
                    f"table {self.name}: its stream carries {change.has}, and needs "
                    f"{change.wants}; others may read it, so turn it off yourself "
                    "(aws dynamodb update-table --stream-specification StreamEnabled=false "
                    f"--table-name {self.name}), then apply again"
                )

            if change.aspect == "expires" and change.has:
                raise Blocked(
                    f"table {self.name}: its items expire by {change.has}, and need to by "
                    f"{change.wants}; DynamoDB has one such attribute a table: turn that one off "
                    "(aws dynamodb update-time-to-live), then apply again in an hour"
                )

    def create(self) -> None:
        roles = ("HASH", "RANGE")
        self.client.create_table(
            TableName=self.name,
            KeySchema=[
                {"AttributeName": key, "KeyType": role}
                for key, role in zip(self.keys, roles, strict=False)
            ],
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": "S"} for key in self.keys
            ],
            BillingMode="PAY_PER_REQUEST",
            **({"StreamSpecification": self._stream()} if self.view else {}),
        )
        self._wait()
        self._set_restorable()
        if self.expires:
            self._set_expires()

    def change(self, changes: Sequence[Change]) -> None:
        """One after another: DynamoDB changes a table only while it is ACTIVE."""
        self._wait()
        for change in changes:
            getattr(self, f"_set_{change.aspect}")()
            self._wait()

    def _set_billing(self) -> None:
        self.client.update_table(TableName=self.name, BillingMode="PAY_PER_REQUEST")

    def _set_stream(self) -> None:
        self.client.update_table(TableName=self.name, StreamSpecification=self._stream())

    def _set_restorable(self) -> None:
        """A new table's backups are not to be had at once; DynamoDB then says so."""
        for attempt in range(BACKUP_ATTEMPTS):
            try:
                self.client.update_continuous_backups(
                    TableName=self.name,
                    PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
                )
                return
            except self.client.exceptions.ContinuousBackupsUnavailableException:
                if attempt == BACKUP_ATTEMPTS - 1:
                    raise
                self.sleep(BACKUP_S)

    def _set_expires(self) -> None:
        self.client.update_time_to_live(
            TableName=self.name,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": self.expires},
        )

    def _expiring(self) -> str:
        """The attribute by which items expire; empty where they don't."""
        answer = self.client.describe_time_to_live(TableName=self.name)["TimeToLiveDescription"]
        on = answer.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
        return str(answer.get("AttributeName", "")) if on else ""

    def _stream(self) -> dict[str, Any]:
        return {"StreamEnabled": True, "StreamViewType": self.view}

    def _restorable(self) -> bool:
        answer = self.client.describe_continuous_backups(TableName=self.name)
        backups = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        return bool(backups.get("PointInTimeRecoveryStatus") == "ENABLED")

    def _described(self) -> dict[str, Any] | None:
        try:
            return dict(self.client.describe_table(TableName=self.name)["Table"])
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return None
            raise

    def _wait(self) -> None:
        """Until it is ACTIVE."""
        self.client.get_waiter("table_exists").wait(TableName=self.name, WaiterConfig=POLL)
