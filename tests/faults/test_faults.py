"""The fault runner itself: its proxy, its draw, and one fault on the real daemon."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from botocore.exceptions import ClientError

from config.site import Site
from deploy.local.emulator import HOST, LocalAws
from tests.conftest import MakeSite
from tests.faults.ground import Ground
from tests.faults.kinds import kill_group_of_jvm
from tests.faults.proxy import Proxy
from tests.faults.run import WEIGHTS, drawn, play


@pytest.fixture
def proxy(emulator: LocalAws) -> Iterator[Proxy]:
    with Proxy(HOST, emulator.port, Random(1)) as proxy:
        yield proxy


@pytest.fixture
def site(proxy: Proxy, make_site: MakeSite) -> Site:
    """A site that speaks through the proxy."""
    site = make_site({"endpoint_url": proxy.url})
    site.client("s3").create_bucket(Bucket=site.bucket)
    return site


def test_the_proxy_changes_nothing_by_itself(site: Site) -> None:
    s3, body = site.client("s3"), b"x" * 1_000_000
    s3.put_object(Bucket=site.bucket, Key="a", Body=body)
    assert s3.get_object(Bucket=site.bucket, Key="a")["Body"].read() == body
    assert site.client("dynamodb").list_tables()["TableNames"] is not None


@pytest.mark.parametrize(
    ("service", "said"), [("s3", "SlowDown"), ("dynamodb", "Throttling"), ("kinesis", "Limit")]
)
def test_the_proxy_refuses_as_aws_does(site: Site, proxy: Proxy, service: str, said: str) -> None:
    client = site.client(service, retries={"mode": "standard", "total_max_attempts": 1})
    call = {"s3": "list_buckets", "dynamodb": "list_tables", "kinesis": "list_streams"}[service]
    proxy.share = {service: 1.0}
    with pytest.raises(ClientError, match=said):
        getattr(client, call)()
    proxy.heal()
    getattr(client, call)()
    assert proxy.refused == 1


def test_a_broken_connection_is_mended_by_the_client(site: Site, proxy: Proxy) -> None:
    s3 = site.client("s3")
    s3.list_buckets()
    proxy.break_connections()
    s3.list_buckets()


def test_a_seed_draws_the_same_faults_again() -> None:
    assert drawn(7, 40) == drawn(7, 40)
    assert drawn(7, 40) != drawn(8, 40)


def test_every_kind_is_drawn_where_there_are_enough_faults() -> None:
    assert set(drawn(3, 100)) == set(WEIGHTS)


@pytest.mark.daemon
def test_a_killed_jvm_with_its_shards_loses_nothing() -> None:
    said: list[str] = []
    result = play(1, [kill_group_of_jvm], said.append)
    assert result.ok, said
    assert "faults=1 lost=0 repeated=0 stuck=0" in result.line


@pytest.mark.daemon
def test_a_stopping_worker_gives_its_shards_to_the_other(tmp_path: Path) -> None:
    with Ground(tmp_path, Random(1)) as ground:
        ground.recover(120)
        ground.company()
        mine = ground.owned(0)
        ground.stop(0)
        assert set(mine) <= set(ground.owned(1))
        ground.recover(60)
        assert sorted(ground.owned(1)) == sorted(ground.producing.manifest.tips)
        assert ground.leader() in (1, None)
