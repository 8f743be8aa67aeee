"""What the resharding tests stand on: kinesis-mock's process, its install, and aggregation."""

from __future__ import annotations

from pathlib import Path
from random import Random

import psutil
import pytest

from config.settings import Settings
from config.site import Site
from deploy.local.emulator import HOST, LocalAws
from tests.faults.proxy import Proxy
from tests.reshard.install import NotInstalled, installed
from tests.reshard.kpl import aggregated
from tests.reshard.mock import KinesisMock
from verify.aggregate import user_records


def test_it_listens_on_loopback_alone_and_ends_when_it_is_left(tmp_path: Path) -> None:
    with KinesisMock(tmp_path) as kinesis:
        process = psutil.Process(kinesis.pid)
        listening = [c for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert {c.laddr.ip for c in listening} == {HOST}
        client = Site(Settings(endpoint_url=kinesis.endpoint_url)).client("kinesis")
        assert client.list_streams()["StreamNames"] == []
    assert not process.is_running()


def test_one_address_leads_to_both(tmp_path: Path, emulator: LocalAws) -> None:
    with (
        KinesisMock(tmp_path) as kinesis,
        Proxy(HOST, emulator.port, Random(1), kinesis.port) as proxy,
    ):
        both = Site(Settings(endpoint_url=proxy.url))
        both.client("kinesis").create_stream(StreamName="there", ShardCount=1)
        alone = Site(Settings(endpoint_url=kinesis.endpoint_url))
        assert alone.client("kinesis").list_streams()["StreamNames"] == ["there"]
        assert both.client("dynamodb").list_tables()["TableNames"] is not None
        assert both.client("s3").list_buckets()["Buckets"] is not None


def test_without_the_registry_a_sentence_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("npm_config_registry", f"http://{HOST}:9/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    with pytest.raises(NotInstalled, match=r"npm registry.*npm_config_registry"):
        installed(tmp_path)
    assert not any((tmp_path / "kinesis-mock").iterdir())


def test_an_aggregated_record_holds_what_was_put_in_it() -> None:
    users = [(f"key-{n % 3}", b"x" * 200 * n) for n in range(7)]
    assert user_records(aggregated(users)) == 7
