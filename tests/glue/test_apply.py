"""apply against the emulator: made once, then unchanged; what differs is mended or said."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from hypothesis import given
from hypothesis import strategies as st

from config.site import Site
from glue.bucket import LakeBucket
from glue.items import ItemTable
from glue.plan import ApplyError, Step, apply, plan
from glue.stack import actions, resources
from glue.stream import Stream, shard_steps

MakeSite = Callable[..., Site]
Denying = Callable[..., Site]


class Raw(io.BytesIO):
    """A body as botocore reads it."""

    def stream(self) -> Any:
        yield self.read()


def run(site: Site) -> list[Step]:
    return list(apply(list(plan(resources(site)))))


def planned(site: Site) -> dict[str, Step]:
    return {f"{s.resource.kind} {s.resource.name}": s for s in plan(resources(site))}


def changed(site: Site) -> dict[str, list[str]]:
    """What differs: aspects by resource."""
    steps = planned(site).items()
    return {n: [c.aspect for c in s.changes] for n, s in steps if s.verdict != "unchanged"}


def test_everything_is_created_where_nothing_stands(site: Site) -> None:
    assert {step.verdict for step in run(site)} == {"create"}


def test_the_second_time_nothing_changes(provisioned: Site) -> None:
    assert changed(provisioned) == {}
    assert {step.verdict for step in run(provisioned)} == {"unchanged"}


def test_planning_alone_makes_nothing(site: Site) -> None:
    list(plan(resources(site)))
    assert {step.verdict for step in planned(site).values()} == {"create"}


def test_the_stream_has_its_shards_retention_and_encryption(make_site: MakeSite) -> None:
    site = make_site({"stream.shards": 3, "stream.retention_hours": 48})
    run(site)
    summary = site.client("kinesis").describe_stream_summary(StreamName=site.settings.stream.name)
    about = summary["StreamDescriptionSummary"]
    assert about["OpenShardCount"] == 3
    assert about["RetentionPeriodHours"] == 48
    assert (about["EncryptionType"], about["KeyId"]) == ("KMS", "alias/aws/kinesis")


def test_no_shards_is_an_on_demand_stream(make_site: MakeSite) -> None:
    site = make_site({"stream.shards": 0})
    run(site)
    assert (Stream(site).read() or {})["mode"] == "ON_DEMAND"
    assert changed(site) == {}


@pytest.mark.parametrize(("before", "after"), [(24, 72), (72, 24)])
def test_another_retention_is_applied_both_ways(
    make_site: MakeSite, before: int, after: int
) -> None:
    site = make_site({"stream.retention_hours": before})
    run(site)
    other = with_settings(make_site, site, {"stream.retention_hours": after})
    assert changed(other) == {f"stream {other.settings.stream.name}": ["retention_hours"]}
    run(other)
    assert changed(other) == {}


def test_resharding_the_emulator_is_refused_because_it_drops_records(
    provisioned: Site, make_site: MakeSite
) -> None:
    other = with_settings(make_site, provisioned, {"stream.shards": 2})
    with pytest.raises(ApplyError, match=r"shards: 1 -> 2: the local AWS would drop"):
        run(other)


def test_one_blocked_resource_stops_all_changes(make_site: MakeSite, provisioned: Site) -> None:
    other = with_settings(
        make_site, provisioned, {"stream.shards": 2, "catalog.workgroup": "never-made"}
    )
    with pytest.raises(ApplyError):
        run(other)
    assert planned(other)["workgroup never-made"].verdict == "create"


def test_another_prefix_moves_the_tables_and_keeps_the_rest(
    make_site: MakeSite, provisioned: Site
) -> None:
    other = with_settings(make_site, provisioned, {"lake.prefix": "second/life"})
    moved = changed(other)
    assert moved.pop(f"bucket {other.bucket}") == ["lifecycle"]
    assert set(moved) == {f"catalog {t}" for t in ("ticks", "bars", "anomalies", "rejects")}
    run(other)
    assert changed(other) == {}


def test_another_scan_limit_reaches_the_workgroup(make_site: MakeSite, provisioned: Site) -> None:
    other = with_settings(make_site, provisioned, {"catalog.scan_limit_gb": 7})
    run(other)
    group = other.client("athena").get_work_group(WorkGroup=other.settings.catalog.workgroup)
    assert group["WorkGroup"]["Configuration"]["BytesScannedCutoffPerQuery"] == 7_000_000_000


def test_a_new_interval_is_projected(make_site: MakeSite, provisioned: Site) -> None:
    other = with_settings(make_site, provisioned, {"windows.intervals": ["1m", "15m"]})
    assert changed(other) == {"catalog bars": ["parameters"]}
    run(other)
    table = glue_table(other, "bars")
    assert table["Parameters"]["projection.interval.values"] == "1m,5m,1h,1d,15m"


def test_the_raw_table_is_made_where_its_place_is_set(
    make_site: MakeSite, provisioned: Site
) -> None:
    other = with_settings(make_site, provisioned, {"catalog.raw_location": "s3://old/raw/"})
    run(other)
    storage = glue_table(other, "stock_data_table")["StorageDescriptor"]
    assert storage["Location"] == "s3://old/raw/"
    assert changed(other) == {}


def test_public_access_that_was_opened_is_closed_again(provisioned: Site) -> None:
    provisioned.client("s3").delete_public_access_block(Bucket=provisioned.bucket)
    assert changed(provisioned) == {f"bucket {provisioned.bucket}": ["public_access_blocked"]}
    run(provisioned)
    assert changed(provisioned) == {}


def test_life_cycle_rules_of_others_stay(provisioned: Site) -> None:
    theirs = {
        "ID": "theirs",
        "Filter": {"Prefix": "other/"},
        "Status": "Enabled",
        "Expiration": {"Days": 3},
    }
    put_rules(provisioned, [theirs])
    run(provisioned)
    answer = provisioned.client("s3").get_bucket_lifecycle_configuration(Bucket=provisioned.bucket)
    assert [r["ID"] for r in answer["Rules"]] == ["theirs", LakeBucket(provisioned).rule()["ID"]]


@pytest.mark.parametrize("prefix", ["", "{prefix}", "{prefix}cuts/"])
def test_a_rule_that_lets_the_lake_expire_is_refused(provisioned: Site, prefix: str) -> None:
    put_rules(
        provisioned,
        [
            {
                "ID": "tidy",
                "Filter": {"Prefix": prefix.format(prefix=provisioned.prefix)},
                "Status": "Enabled",
                "Expiration": {"Days": 3},
            }
        ],
    )
    with pytest.raises(ApplyError, match=r"rule 'tidy' lets objects .* expire"):
        run(provisioned)


def test_one_bucket_for_lake_and_results_is_refused(make_site: MakeSite) -> None:
    site = make_site({"lake.bucket": "same", "lake.results_bucket": "same"})
    with pytest.raises(ApplyError, match="give the results a bucket of their own"):
        run(site)


def test_a_table_with_other_keys_is_refused_with_its_remedy(site: Site) -> None:
    site.client("dynamodb").create_table(
        TableName=site.settings.items.table,
        KeySchema=[{"AttributeName": "symbol", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "symbol", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(ApplyError, match=r"keys symbol \(N\), and needs symbol, timestamp"):
        run(site)


def test_a_table_without_its_stream_gets_one(site: Site) -> None:
    keys = ("symbol", "timestamp")
    site.client("dynamodb").create_table(
        TableName=site.settings.items.table,
        KeySchema=[
            {"AttributeName": k, "KeyType": r} for k, r in zip(keys, ("HASH", "RANGE"), strict=True)
        ],
        AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    table = f"table {site.settings.items.table}"
    assert changed(site)[table] == ["stream", "restorable"]
    run(site)
    assert changed(site) == {}


def test_live_bars_have_a_table_whose_items_expire(make_site: MakeSite) -> None:
    site = make_site({"windows.live": True})
    run(site)
    client, name = site.client("dynamodb"), site.settings.items.bars_table
    ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert (ttl["TimeToLiveStatus"], ttl["AttributeName"]) == ("ENABLED", "expires")
    assert changed(site) == {}


def test_a_table_of_live_bars_that_keeps_all_is_made_to_forget(make_site: MakeSite) -> None:
    kept = make_site({"windows.live": True, "items.bars_days": 0})
    run(kept)
    settings = kept.settings.items.model_copy(update={"bars_days": 30})
    site = Site(kept.settings.model_copy(update={"items": settings}))
    assert changed(site) == {f"table {settings.bars_table}": ["expires"]}
    run(site)
    assert changed(site) == {}


def test_without_live_bars_there_is_no_table_for_them(provisioned: Site) -> None:
    names = provisioned.client("dynamodb").list_tables()["TableNames"]
    assert provisioned.settings.items.bars_table not in names


def test_items_that_expire_by_another_attribute_are_refused(make_site: MakeSite) -> None:
    kept = make_site({"windows.live": True, "items.bars_days": 0})
    run(kept)
    name = kept.settings.items.bars_table
    kept.client("dynamodb").update_time_to_live(
        TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"}
    )
    settings = kept.settings.items.model_copy(update={"bars_days": 30})
    with pytest.raises(ApplyError, match="expire by end, and need to by expires"):
        run(Site(kept.settings.model_copy(update={"items": settings})))


def test_a_stream_with_another_view_is_refused(site: Site) -> None:
    run(site)
    client, name = site.client("dynamodb"), site.settings.items.table
    for spec in (
        {"StreamEnabled": False},
        {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    ):
        client.update_table(TableName=name, StreamSpecification=spec)
    with pytest.raises(ApplyError, match="its stream carries KEYS_ONLY, and needs NEW_IMAGE"):
        run(site)


def test_a_column_of_another_type_is_refused_while_its_files_stand(provisioned: Site) -> None:
    definition = glue_input(provisioned, "bars")
    definition["StorageDescriptor"]["Columns"][3]["Type"] = "bigint"
    provisioned.client("glue").update_table(
        DatabaseName=provisioned.settings.catalog.database, TableInput=definition
    )
    with pytest.raises(ApplyError, match="column open is bigint in the files"):
        run(provisioned)


def test_a_column_that_an_older_release_lacked_is_added(provisioned: Site) -> None:
    definition = glue_input(provisioned, "ticks")
    del definition["StorageDescriptor"]["Columns"][-1]
    provisioned.client("glue").update_table(
        DatabaseName=provisioned.settings.catalog.database, TableInput=definition
    )
    assert changed(provisioned) == {"catalog ticks": ["columns", "comments"]}
    run(provisioned)
    assert changed(provisioned) == {}


def test_parameters_of_others_stay_and_stale_projection_goes(provisioned: Site) -> None:
    definition = glue_input(provisioned, "ticks")
    definition["Parameters"] |= {"theirs": "kept", "projection.hour.type": "integer"}
    provisioned.client("glue").update_table(
        DatabaseName=provisioned.settings.catalog.database, TableInput=definition
    )
    run(provisioned)
    parameters = glue_table(provisioned, "ticks")["Parameters"]
    assert parameters["theirs"] == "kept"
    assert "projection.hour.type" not in parameters


def test_a_database_in_capitals_is_refused_with_the_right_name(make_site: MakeSite) -> None:
    with pytest.raises(ApplyError, match="small letters: mixed"):
        run(make_site({"catalog.database": "Mixed"}))


def test_a_bucket_that_is_not_ours_says_which_setting_names_it(
    site: Site, denying: Denying
) -> None:
    with pytest.raises(ApplyError, match=r"belongs to somebody else.*lake\.bucket"):
        run(denying(site, "s3.HeadBucket"))


def test_a_call_that_is_not_granted_names_the_action(site: Site, denying: Denying) -> None:
    step = planned(denying(site, "dynamodb.DescribeTable"))[f"table {site.settings.items.table}"]
    assert step.verdict == "blocked"
    assert "not allowed; grant dynamodb:DescribeTable" in step.why


def test_a_refusal_midway_names_the_action_and_a_repeat_goes_on(
    site: Site, denying: Denying
) -> None:
    with pytest.raises(ApplyError, match="grant glue:CreateTable"):
        run(denying(site, "glue.CreateTable"))
    assert planned(site)[f"stream {site.settings.stream.name}"].verdict == "unchanged"
    run(site)
    assert changed(site) == {}


def test_backups_that_are_not_ready_yet_are_asked_for_again(site: Site) -> None:
    slept: list[float] = []
    table = ItemTable(site, site.settings.alerts.table, ("id",), sleep=slept.append)
    unready = [b'{"__type": "ContinuousBackupsUnavailableException", "message": "enabling"}'] * 2

    def answer(request: Any, **_: Any) -> AWSResponse | None:
        return AWSResponse(request.url, 400, HTTPHeaders(), Raw(unready.pop())) if unready else None

    table.client.meta.events.register("before-send.dynamodb.UpdateContinuousBackups", answer)
    table.create()
    assert slept == [2.0, 2.0]
    assert (table.read() or {})["restorable"] is True


@given(has=st.integers(1, 500), wants=st.integers(1, 500))
def test_shards_go_to_any_count_in_steps_that_kinesis_takes(has: int, wants: int) -> None:
    before = has
    for count in shard_steps(has, wants):
        assert before / 2 <= count <= before * 2
        before = count
    assert before == wants


def test_every_action_is_named_once(site: Site) -> None:
    names = actions(resources(site))
    assert names == sorted(set(names))
    assert {"kinesis:CreateStream", "glue:UpdateTable", "s3:PutLifecycleConfiguration"} < set(names)


def with_settings(make_site: MakeSite, site: Site, flags: dict[str, Any]) -> Site:
    """A site of the same names, but for ``flags``."""
    tree = json.loads(site.settings.model_dump_json())
    same = {f"{section}.{k}": v for section, keys in tree.items() if isinstance(keys, dict)
            for k, v in keys.items()}  # fmt: skip
    other: Site = make_site(same | flags)
    return other


def glue_table(site: Site, name: str) -> dict[str, Any]:
    database = site.settings.catalog.database
    table: dict[str, Any] = site.client("glue").get_table(DatabaseName=database, Name=name)["Table"]
    return table


def glue_input(site: Site, name: str) -> dict[str, Any]:
    """The table as its own TableInput."""
    allowed = ("Name", "Description", "TableType", "Parameters", "PartitionKeys")
    table = glue_table(site, name)
    return {k: table[k] for k in (*allowed, "StorageDescriptor")}


def put_rules(site: Site, rules: list[dict[str, Any]]) -> None:
    site.client("s3").put_bucket_lifecycle_configuration(
        Bucket=site.bucket, LifecycleConfiguration={"Rules": rules}
    )
