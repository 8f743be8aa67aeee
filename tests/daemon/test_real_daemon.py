"""The real MultiLangDaemon, from an empty lease table, killed in every way.

Each test finds a running worker that has stored all there is, and leaves one behind.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.load import nested, restore
from config.site import Site
from deploy.local.emulator import LocalAws
from kcl_app.lease_seed import seed_leases
from tests.conftest import names
from tests.daemon.processes import ends
from tests.daemon.real import Stage, eventually

pytestmark = pytest.mark.daemon


def site_on(aws: LocalAws, folder: Path, processor: str = "stock:Ledger", **flags: Any) -> Site:
    """A site of its own; the run_dir is shared, and with it the archive of classes."""
    chosen = {
        "application.run_dir": str(folder.parent / "a run dir"),
        "worker.processor": f"tests.daemon.{processor}",
        **{key.replace("__", "."): value for key, value in flags.items()},
    }
    return Site(restore(json.dumps(nested(names(aws) | chosen)).encode()))


def settle(stage: Stage, count: int = 500) -> None:
    """Put records and wait until all that were ever put are stored."""
    stage.put(count)
    eventually(stage.all_stored, stage.said)


def running(stage: Stage) -> Iterator[Stage]:
    """The stage with a worker that has stored 1,000 records."""
    stage.start()
    try:
        settle(stage, 1_000)
        yield stage
    finally:
        stage.end()


@pytest.fixture(scope="module")
def empty(emulator: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A worker that began over no lease table at all."""
    folder = tmp_path_factory.mktemp("empty")
    yield from running(Stage(site_on(emulator, folder), folder))


@pytest.fixture(scope="module")
def seeded(emulator: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A worker that began over leases of our own making."""
    folder = tmp_path_factory.mktemp("seeded")
    yield from running(Stage(site_on(emulator, folder), folder, seed=True))


def lease_schema(site: Site) -> dict[str, Any]:
    described = site.client("dynamodb").describe_table(TableName=site.settings.application.name)
    table = described["Table"]
    index = table["GlobalSecondaryIndexes"][0]
    return {
        "attributes": sorted(a["AttributeName"] for a in table["AttributeDefinitions"]),
        "key": table["KeySchema"],
        "index": (index["IndexName"], index["KeySchema"], index["Projection"]),
        "billing": table["BillingModeSummary"]["BillingMode"],
    }


def lease_columns(site: Site) -> set[str]:
    """The columns of the leases, but for the one that the KCL measures as it reads."""
    items = site.client("dynamodb").scan(TableName=site.settings.application.name)["Items"]
    return {column for item in items for column in item} - {"throughputKBps"}


def test_a_worker_goes_on_where_its_killed_jvm_stopped(empty: Stage) -> None:
    jvm, children = empty.jvm, empty.children
    assert jvm
    assert len(children) == 2
    os.kill(jvm, signal.SIGKILL)
    settle(empty)
    assert empty.jvm != jvm
    assert all(ends(child) for child in children)
    assert "gave back the leader lock" in empty.said()


def test_seeded_leases_are_those_that_the_kcl_makes(
    empty: Stage, emulator: LocalAws, tmp_path: Path
) -> None:
    ours = Stage(site_on(emulator, tmp_path), tmp_path).site
    assert (seed_leases(ours), seed_leases(ours)) == (2, 0)
    assert lease_schema(ours) == lease_schema(empty.site)
    assert lease_columns(ours) == lease_columns(empty.site)


def test_a_killed_child_is_not_waited_for(seeded: Stage) -> None:
    jvm = seeded.jvm
    os.kill(seeded.children[0], signal.SIGKILL)
    settle(seeded)
    assert seeded.jvm != jvm


def test_after_a_kill_of_everything_the_worker_starts_again(seeded: Stage) -> None:
    launcher, jvm = seeded.worker, seeded.jvm
    assert jvm
    os.kill(launcher.pid, signal.SIGKILL)
    os.killpg(jvm, signal.SIGKILL)
    launcher.wait()
    seeded.start()
    settle(seeded)


def test_the_jvm_of_a_killed_launcher_is_ended_by_the_next_start(seeded: Stage) -> None:
    launcher, orphan = seeded.worker, seeded.jvm
    assert orphan
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait()
    seeded.start()
    settle(seeded)
    assert ends(orphan)
    assert seeded.jvm != orphan


def test_a_second_worker_in_the_same_folder_is_refused(seeded: Stage) -> None:
    first = seeded.worker
    second = seeded.another()
    assert second.wait(timeout=60) == 1
    assert f"process {first.pid} already runs this worker" in second.last_words
    assert first.is_alive


def test_a_worker_asked_to_stop_leaves_nothing_running(seeded: Stage) -> None:
    jvm, children = seeded.jvm, seeded.children
    assert jvm
    assert seeded.worker.stop() == 0
    assert all(ends(pid) for pid in [jvm, *children])
    seeded.start()
    settle(seeded)


def test_a_worker_that_fails_again_and_again_gives_up_with_its_shards_words(
    emulator: LocalAws, tmp_path: Path
) -> None:
    site = site_on(emulator, tmp_path, "actors:Stumbler", worker__fast_failures=2)
    stage = Stage(site, tmp_path, seed=True)
    stage.put(10)
    worker = stage.start()
    assert worker.wait(timeout=120) == 1
    assert "2 times in a row" in worker.last_words
    assert "shardId-00000000000" in worker.last_words
    assert "records are too many" in worker.last_words


def test_a_stream_that_does_not_exist_is_named_with_its_remedy(
    emulator: LocalAws, tmp_path: Path
) -> None:
    stage = Stage(site_on(emulator, tmp_path), tmp_path)
    stage.site.client("kinesis").delete_stream(StreamName=stage.site.settings.stream.name)
    worker = stage.start()
    assert worker.wait(timeout=60) == 1
    assert "make it with tapeline apply" in worker.last_words
