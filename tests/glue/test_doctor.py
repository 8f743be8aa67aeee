"""The doctor sees what is missing and what is not allowed, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from config.settings import Settings
from config.site import Site
from glue.check import Check
from glue.doctor import _clock, examine, principal

Denying = Callable[..., Site]


def seen(site: Site) -> dict[str, Check]:
    return {check.name: check for check in examine(site, lambda: datetime.now(UTC))}


def test_all_is_well_with_a_stack_that_was_applied(provisioned: Site) -> None:
    assert [c for c in seen(provisioned).values() if c.verdict != "ok"] == []


def test_looking_leaves_nothing_behind(provisioned: Site) -> None:
    seen(provisioned)
    settings = provisioned.settings
    assert provisioned.client("s3").list_objects_v2(Bucket=provisioned.bucket)["KeyCount"] == 0
    for table in (settings.items.table, settings.alerts.table):
        assert provisioned.client("dynamodb").scan(TableName=table)["Count"] == 0


def test_what_is_not_there_is_to_be_applied(site: Site) -> None:
    stream = seen(site)[f"stream {site.settings.stream.name}"]
    assert (stream.verdict, stream.saw, stream.remedy) == (
        "fail",
        "is not there",
        "tapeline apply",
    )


def test_what_differs_is_a_warning_that_names_it(provisioned: Site) -> None:
    provisioned.client("s3").delete_public_access_block(Bucket=provisioned.bucket)
    bucket = seen(provisioned)[f"bucket {provisioned.bucket}"]
    assert (bucket.verdict, bucket.saw) == ("warn", "differs in public_access_blocked")


@pytest.mark.parametrize(
    ("call", "check", "action"),
    [
        ("kinesis.GetRecords", "read the stream", "kinesis:GetRecords"),
        ("dynamodb.PutItem", "write items", "dynamodb:PutItem"),
        ("s3.ListObjectsV2", "read the lake", "s3:ListBucket"),
        ("s3.PutObject", "If-None-Match", "s3:PutObject"),
        ("s3.DeleteObject", "If-None-Match", "s3:DeleteObject"),
    ],
)
def test_a_permission_that_is_missing_is_named(
    provisioned: Site, denying: Denying, call: str, check: str, action: str
) -> None:
    found = seen(denying(provisioned, call))[check]
    assert found.verdict == "fail"
    assert f"grant {action}" in found.saw


def test_where_nobody_listens_the_address_is_the_last_check() -> None:
    (only,) = seen(Site(Settings(endpoint_url="http://127.0.0.1:9"))).values()
    assert only.verdict == "fail"
    assert "http://127.0.0.1:9" in only.saw


@pytest.mark.parametrize(
    ("off", "verdict"), [(0, "ok"), (29, "ok"), (31, "warn"), (-100, "warn"), (241, "fail")]
)
def test_a_clock_that_is_off_is_said(off: int, verdict: str) -> None:
    answer = {
        "ResponseMetadata": {"HTTPHeaders": {"date": "Fri, 31 Jan 2025 15:04:05 GMT"}},
    }
    now = datetime(2025, 1, 31, 15, 4, 5, tzinfo=UTC) + timedelta(seconds=off)
    assert _clock(answer, now).verdict == verdict


def test_the_principal_of_a_session_is_its_role() -> None:
    session = "arn:aws:sts::123456789012:assumed-role/worker/i-0123"
    assert principal(session) == "arn:aws:iam::123456789012:role/worker"
    user = "arn:aws:iam::123456789012:user/someone"
    assert principal(user) == user
