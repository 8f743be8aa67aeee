"""Is the stack there, and may we use it? Nothing is left behind by asking."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from config.site import Site
from glue.check import Check, Verdict, asked
from glue.plan import Step, step_of
from glue.refusal import sentence
from glue.resource import code_of
from glue.stack import resources
from glue.topic import topic_arn
from kcl_app.store import S3Store, StoreError, honours_create

SKEW_WARN_S = 30
SKEW_FAIL_S = 240
"""AWS refuses a signature that is five minutes off."""

PROBE = "tapeline-doctor"


def examine(site: Site, now: Callable[[], datetime]) -> Iterator[Check]:
    """Every check that asks AWS. Where nobody answers, or knows us, that is the last one."""
    where = site.settings.endpoint_url or f"AWS in {site.settings.region}"
    try:
        answer = site.client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        yield Check(
            "credentials", "fail", sentence(error, "sts", where), "then run the doctor again"
        )
        return
    yield Check("credentials", "ok", f"{answer['Arn']} at {where}")
    yield _clock(answer, now())
    steps = [step_of(resource) for resource in resources(site)]
    yield from map(_standing, steps)
    there = {step.resource.name for step in steps if step.verdict in ("unchanged", "update")}
    yield from _permissions(site, there)
    yield from _unsent(site, str(answer["Arn"]))


def _clock(answer: dict[str, Any], now: datetime) -> Check:
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if date is None:
        return Check("clock", "ok", "the endpoint says no time")
    off = abs((now.astimezone(UTC) - parsedate_to_datetime(date)).total_seconds())
    saw = f"{off:.0f} s from the endpoint's"
    if off < SKEW_WARN_S:
        return Check("clock", "ok", saw)
    verdict: Verdict = "fail" if off > SKEW_FAIL_S else "warn"
    return Check("clock", verdict, saw, "set this machine's clock by NTP (timedatectl)")


def _standing(step: Step) -> Check:
    """A resource of the stack, as its plan step says it stands."""
    name = f"{step.resource.kind} {step.resource.name}"
    if step.verdict == "unchanged":
        return Check(name, "ok", "as the settings say")
    if step.verdict == "create":
        return Check(name, "fail", "is not there", "tapeline apply")
    if step.verdict == "update":
        differing = ", ".join(change.aspect for change in step.changes)
        return Check(name, "warn", f"differs in {differing}", "tapeline apply --dry-run shows how")
    return Check(name, "fail", step.why, "tapeline apply once that is mended")


def _permissions(site: Site, there: set[str]) -> Iterator[Check]:
    """Harmless calls of what a worker does, on the resources that are there."""
    settings = site.settings
    if settings.stream.name in there:
        yield asked("read the stream", "kinesis", settings.stream.name, lambda: _read(site))
    for table, key in (
        (settings.items.table, {"symbol": PROBE, "timestamp": PROBE}),
        (settings.items.bars_table, {"symbol": PROBE, "bar": PROBE}),
        (settings.alerts.table, {"id": PROBE}),
    ):
        if table in there:
            yield asked("write items", "dynamodb", table, _writer(site, table, key))
    name = settings.application.name
    yield asked("leases", "dynamodb", name, lambda: _leases(site, name))
    if site.bucket in there:
        yield asked("read the lake", "s3", site.bucket, lambda: _listed(site))
        yield _put_once(site)


def _read(site: Site) -> str:
    kinesis, name = site.client("kinesis"), site.settings.stream.name
    shards = kinesis.list_shards(StreamName=name)["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName=name, ShardId=shards[0]["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=1)
    return f"{len(shards)} shards" if len(shards) > 1 else "1 shard"


def _writer(site: Site, table: str, key: dict[str, str]) -> Callable[[], str]:
    """A put whose condition never holds: it needs the permission and writes nothing."""

    def write() -> str:
        client = site.client("dynamodb")
        with suppress(client.exceptions.ConditionalCheckFailedException):
            client.put_item(
                TableName=table,
                Item={name: {"S": value} for name, value in key.items()},
                ConditionExpression="attribute_exists(#key)",
                ExpressionAttributeNames={"#key": next(iter(key))},
            )
        return f"{table}: a put that writes nothing was let through"

    return write


def _leases(site: Site, table: str) -> str:
    try:
        site.client("dynamodb").describe_table(TableName=table)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
        return f"table {table} is not there yet; the first worker makes it"
    return f"table {table}"


def _listed(site: Site) -> str:
    answer = site.client("s3").list_objects_v2(
        Bucket=site.bucket, Prefix=site.prefix, MaxKeys=1, Delimiter="/"
    )
    empty = not answer.get("KeyCount")
    return f"{site.lake_url} is empty" if empty else f"{site.lake_url} holds a lake"


def _put_once(site: Site) -> Check:
    """Whether the store refuses a second put of one key, on which everything rests."""
    client = site.client("s3")
    store = S3Store(client, site.bucket, site.prefix)
    key = f"control/probe/{uuid.uuid4()}"
    name, remedy = "If-None-Match", "use a store that honours conditional puts, as Amazon S3 does"
    try:
        honoured = honours_create(store, key)
        client.delete_object(Bucket=site.bucket, Key=site.prefix + key)
    except (ClientError, BotoCoreError) as error:
        return Check(name, "fail", sentence(error, "s3", site.lake_url))
    except StoreError as error:
        return Check(name, "fail", str(error), remedy)
    if honoured:
        return Check(name, "ok", "a second put of one key was refused")
    return Check(name, "fail", "a second put of one key was taken: the lake is not safe", remedy)


def _unsent(site: Site, caller: str) -> Iterator[Check]:
    """Calls that would send something are asked of IAM's simulation instead."""
    if site.settings.local:
        return
    for action, arn in _sending(site).items():
        name = f"may {action}"
        try:
            answer = site.client("iam").simulate_principal_policy(
                PolicySourceArn=principal(caller), ActionNames=[action], ResourceArns=[arn]
            )
        except (ClientError, BotoCoreError) as error:
            saw = f"could not be tried without sending: {sentence(error, 'iam', caller)}"
            yield Check(name, "warn", saw, f"make sure that {action} on {arn} is granted")
            continue
        decision = answer["EvaluationResults"][0]["EvalDecision"]
        if decision == "allowed":
            yield Check(name, "ok", "allowed, says IAM")
        else:
            yield Check(name, "fail", f"{decision}, says IAM", f"grant {action} on {arn}")


def _sending(site: Site) -> dict[str, str]:
    settings = site.settings
    region, account = settings.region, site.account
    partition = site.session.get_partition_for_region(region)
    lead = f"arn:{partition}"
    group = settings.catalog.workgroup
    return {
        "kinesis:PutRecords": f"{lead}:kinesis:{region}:{account}:stream/{settings.stream.name}",
        "sns:Publish": topic_arn(site),
        "athena:StartQueryExecution": f"{lead}:athena:{region}:{account}:workgroup/{group}",
    }


def principal(caller: str) -> str:
    """The IAM ARN behind the ARN that STS gives: an assumed role's session is its role."""
    lead, _, rest = caller.partition(":assumed-role/")
    if not rest:
        return caller
    return f"{lead.replace(':sts:', ':iam:')}:role/{rest.split('/')[0]}"
