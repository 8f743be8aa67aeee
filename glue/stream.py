"""The Kinesis stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from glue.resource import Aspects, Blocked, Change, Resource, code_of

KEY = "alias/aws/kinesis"
POLL = {"Delay": 2, "MaxAttempts": 450}
"""Resharding hundreds of shards takes minutes."""


@dataclass
class Stream(Resource):
    """On-demand where ``stream.shards`` is 0, else provisioned; encrypted at rest."""

    kind = "stream"
    service = "kinesis"
    actions = (
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:CreateStream",
        "kinesis:UpdateStreamMode",
        "kinesis:UpdateShardCount",
        "kinesis:IncreaseStreamRetentionPeriod",
        "kinesis:DecreaseStreamRetentionPeriod",
        "kinesis:StartStreamEncryption",
    )

    @property
    def name(self) -> str:
        return self.site.settings.stream.name

    @property
    def shards(self) -> int:
        return self.site.settings.stream.shards

    def wanted(self) -> Aspects:
        return {
            "mode": "PROVISIONED" if self.shards else "ON_DEMAND",
            **({"shards": self.shards} if self.shards else {}),
            "retention_hours": self.site.settings.stream.retention_hours,
            "encrypted": True,
        }

    def read(self) -> Aspects | None:
        summary = self._summary()
        if summary is None:
            return None
        if summary["StreamStatus"] == "DELETING":
            raise Blocked(f"stream {self.name} is being deleted: apply again in a minute")
        return {
            "mode": summary.get("StreamModeDetails", {}).get("StreamMode", "PROVISIONED"),
            "shards": summary["OpenShardCount"],
            "retention_hours": summary["RetentionPeriodHours"],
            "encrypted": summary.get("EncryptionType") == "KMS",
        }

    def refuse(self, changes: Sequence[Change]) -> None:
        resharding = [c for c in changes if c.aspect in ("mode", "shards")]
        if resharding and self.site.settings.local:
            raise Blocked(
                f"stream {self.name}: {resharding[0]}: the local AWS would drop the stream's "
                "records; choose another stream.name, or begin anew with `tapeline local down` "
                "and `tapeline local up --fresh`"
            )

    def create(self) -> None:
        mode = {"StreamMode": "PROVISIONED" if self.shards else "ON_DEMAND"}
        count = {"ShardCount": self.shards} if self.shards else {}
        self.client.create_stream(StreamName=self.name, StreamModeDetails=mode, **count)
        self._wait()
        has = self.read() or {}
        self.change([Change(a, has.get(a), w) for a, w in self.wanted().items() if has.get(a) != w])

    def change(self, changes: Sequence[Change]) -> None:
        """One after another: Kinesis changes a stream only while it is ACTIVE."""
        self._wait()
        for change in changes:
            getattr(self, f"_set_{change.aspect}")(change)
            self._wait()

    def _set_mode(self, change: Change) -> None:
        summary = self._summary() or {}
        self.client.update_stream_mode(
            StreamARN=summary["StreamARN"], StreamModeDetails={"StreamMode": change.wants}
        )

    def _set_shards(self, change: Change) -> None:
        for count in shard_steps((self._summary() or {})["OpenShardCount"], change.wants):
            self.client.update_shard_count(
                StreamName=self.name, TargetShardCount=count, ScalingType="UNIFORM_SCALING"
            )
            self._wait()

    def _set_retention_hours(self, change: Change) -> None:
        longer = change.wants > change.has
        call = "increase" if longer else "decrease"
        getattr(self.client, f"{call}_stream_retention_period")(
            StreamName=self.name, RetentionPeriodHours=change.wants
        )

    def _set_encrypted(self, change: Change) -> None:
        self.client.start_stream_encryption(StreamName=self.name, EncryptionType="KMS", KeyId=KEY)

    def _summary(self) -> dict[str, Any] | None:
        try:
            answer = self.client.describe_stream_summary(StreamName=self.name)
        except ClientError as error:
            if code_of(error) == "ResourceNotFoundException":
                return None
            raise
        return dict(answer["StreamDescriptionSummary"])

    def _wait(self) -> None:
        """Until it is ACTIVE."""
        waiter = self.client.get_waiter("stream_exists")
        waiter.wait(StreamName=self.name, WaiterConfig=POLL)


def shard_steps(has: int, wants: int) -> Iterator[int]:
    """Shard counts on the way: one call may at most double or halve them."""
    while has != wants:
        has = min(has * 2, wants) if wants > has else max(-(-has // 2), wants)
        yield has
