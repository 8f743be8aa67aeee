"""The lake's bucket and that of Athena's results.

Versioning is not asked for: objects of the lake are put once and never overwritten,
so a version would only keep what the collector removes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from botocore.exceptions import ClientError

from config.site import Site
from glue.resource import Aspects, Blocked, Change, Resource, code_of

RESULTS_DAYS = 30
UPLOAD_DAYS = 7
PRIVATE = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


def results_prefix(site: Site) -> str:
    """Where in the results bucket the workgroup's answers go."""
    return f"athena/{site.settings.catalog.workgroup}/"


@dataclass
class Bucket(Resource):
    """A private, encrypted bucket. Rules of its life cycle that are not ours stay."""

    kind = "bucket"
    service = "s3"
    actions = (
        "s3:ListBucket",
        "s3:CreateBucket",
        "s3:GetBucketPublicAccessBlock",
        "s3:PutBucketPublicAccessBlock",
        "s3:GetEncryptionConfiguration",
        "s3:PutEncryptionConfiguration",
        "s3:GetLifecycleConfiguration",
        "s3:PutLifecycleConfiguration",
    )

    setting: ClassVar[str]
    """The setting that names it."""

    @abstractmethod
    def rule(self) -> dict[str, Any]:
        """Our one life cycle rule, limited to what is ours in the bucket."""

    def wanted(self) -> Aspects:
        return {"public_access_blocked": True, "encrypted": True, "lifecycle": self.rule()}

    def read(self) -> Aspects | None:
        if not self._exists():
            return None
        ours = [rule for rule in self._rules() if rule.get("ID") == self.rule()["ID"]]
        return {
            "public_access_blocked": self._is_private(),
            "encrypted": self._is_encrypted(),
            "lifecycle": ours[0] if ours else None,
        }

    def create(self) -> None:
        region = self.site.settings.region
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self.client.create_bucket(Bucket=self.name, **({} if region == "us-east-1" else place))
        self.client.get_waiter("bucket_exists").wait(Bucket=self.name)
        self.change([Change(aspect, None, value) for aspect, value in self.wanted().items()])

    def change(self, changes: Sequence[Change]) -> None:
        for change in changes:
            getattr(self, f"_set_{change.aspect}")()

    def _exists(self) -> bool:
        try:
            self.client.head_bucket(Bucket=self.name)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 404:
                return False
            if status == 403:
                raise Blocked(
                    f"bucket {self.name} belongs to somebody else, or s3:ListBucket on it is "
                    f"not granted: grant it, or choose another name in {self.setting}"
                ) from error
            if status in (301, 400):
                raise Blocked(
                    f"bucket {self.name} lies in another region than {self.site.settings.region}: "
                    f"set region, or choose another name in {self.setting}"
                ) from error
            raise
        return True

    def _is_private(self) -> bool:
        answer = self._get("get_public_access_block", "NoSuchPublicAccessBlockConfiguration")
        return bool(answer and answer["PublicAccessBlockConfiguration"] == PRIVATE)

    def _is_encrypted(self) -> bool:
        missing = "ServerSideEncryptionConfigurationNotFoundError"
        return self._get("get_bucket_encryption", missing) is not None

    def _lifecycle(self) -> dict[str, Any]:
        answer = self._get("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration")
        return answer or {}

    def _rules(self) -> list[dict[str, Any]]:
        return list(self._lifecycle().get("Rules", ()))

    def _get(self, call: str, missing: str) -> dict[str, Any] | None:
        try:
            return dict(getattr(self.client, call)(Bucket=self.name))
        except ClientError as error:
            if code_of(error) == missing:
                return None
            raise

    def _set_public_access_blocked(self) -> None:
        self.client.put_public_access_block(
            Bucket=self.name, PublicAccessBlockConfiguration=PRIVATE
        )

    def _set_encrypted(self) -> None:
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self.client.put_bucket_encryption(
            Bucket=self.name, ServerSideEncryptionConfiguration={"Rules": [rule]}
        )

    def _set_lifecycle(self) -> None:
        """The whole document is put at once, so what others decided in it goes along."""
        given, size = self._lifecycle(), "TransitionDefaultMinimumObjectSize"
        others = [r for r in given.get("Rules", ()) if r.get("ID") != self.rule()["ID"]]
        self.client.put_bucket_lifecycle_configuration(
            Bucket=self.name,
            LifecycleConfiguration={"Rules": [*others, self.rule()]},
            **({size: given[size]} if size in given else {}),
        )


@dataclass
class LakeBucket(Bucket):
    """Where the lake stands. Nothing in it may expire: a cut record that goes breaks the chain."""

    setting = "lake.bucket"

    @property
    def name(self) -> str:
        return self.site.bucket

    def rule(self) -> dict[str, Any]:
        return {
            "ID": f"tapeline-unfinished-uploads-{self.site.prefix}",
            "Filter": {"Prefix": self.site.prefix},
            "Status": "Enabled",
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
        }

    def check(self) -> None:
        if self.site.bucket == self.site.results_bucket:
            raise Blocked(
                f"lake.bucket and lake.results_bucket are both {self.name}, and results expire: "
                "give the results a bucket of their own"
            )

    def refuse(self, changes: Sequence[Change]) -> None:
        for rule in self._rules():
            if self._expires(rule):
                raise Blocked(
                    f"bucket {self.name}: its life cycle rule {rule.get('ID', '')!r} lets objects "
                    f"below {self.site.prefix or 'its root'} expire, which would break the chain "
                    "of cuts: remove the rule or limit it to another prefix"
                )

    def _expires(self, rule: dict[str, Any]) -> bool:
        parts = rule.get("Filter") or {}
        prefix = parts.get("And", parts).get("Prefix", rule.get("Prefix", ""))
        ours = self.site.prefix
        touches = ours.startswith(prefix) or prefix.startswith(ours)
        return rule["Status"] == "Enabled" and "Expiration" in rule and touches


@dataclass
class ResultsBucket(Bucket):
    """Where Athena puts its answers. They expire; whatever else the bucket holds does not."""

    setting = "lake.results_bucket"

    @property
    def name(self) -> str:
        return self.site.results_bucket

    def rule(self) -> dict[str, Any]:
        return {
            "ID": f"tapeline-{self.site.settings.catalog.workgroup}",
            "Filter": {"Prefix": results_prefix(self.site)},
            "Status": "Enabled",
            "Expiration": {"Days": RESULTS_DAYS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
        }
