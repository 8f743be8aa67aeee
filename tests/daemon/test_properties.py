"""What the daemon is told."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from config.load import load, restore
from config.settings import Settings
from kcl_app.java import command, environment, heap_mb
from kcl_app.properties import logback, properties, rendered, shard_script, write_files
from kcl_app.run_folder import RunFolder, worker_id

LOCAL = "http://127.0.0.1:4566"


def chosen(folder: Path, **flags: Any) -> dict[str, str]:
    settings = settings_in(folder, **flags)
    return properties(settings, RunFolder.of(settings))


def settings_in(folder: Path, **flags: Any) -> Settings:
    dotted = {key.replace("__", "."): value for key, value in flags.items()}
    return load(flags={"application.run_dir": str(folder), **dotted})


def read_java(text: str) -> dict[str, str]:
    """Java's own rules for properties, as far as we use them."""
    pairs = (line.split(" = ", 1) for line in text.splitlines())
    return {key: value.encode().decode("unicode_escape") for key, value in pairs}


def test_what_was_put_before_the_first_lease_is_read(tmp_path: Path) -> None:
    assert chosen(tmp_path)["initialPositionInStream"] == "TRIM_HORIZON"


def test_a_quiet_shard_gets_its_ticks(tmp_path: Path) -> None:
    assert chosen(tmp_path)["callProcessRecordsEvenForEmptyRecordList"] == "true"


def test_a_shutdown_is_requested_before_it_happens(tmp_path: Path) -> None:
    assert chosen(tmp_path)["shutdownGraceMillis"] == "15000"


def test_a_hung_child_is_ended(tmp_path: Path) -> None:
    assert chosen(tmp_path, worker__callback_timeout_s=60)["timeoutInSeconds"] == "60"


def test_a_worker_that_left_is_soon_known_to_be_gone(tmp_path: Path) -> None:
    said = chosen(tmp_path, worker__failover_ms=7_000)
    assert said["workerMetricsReporterFreqInMillis"] == "7000"


def test_shards_that_ended_leave_room_for_their_children(tmp_path: Path) -> None:
    assert chosen(tmp_path, worker__max_shards=5)["maxLeasesForWorker"] == "10"


def test_no_lease_waits_between_two_workers(tmp_path: Path) -> None:
    assert chosen(tmp_path)["isGracefulLeaseHandoffEnabled"] == "false"


def test_on_aws_no_endpoint_is_named_and_metrics_are_kept(tmp_path: Path) -> None:
    local_only = {"kinesisEndpoint", "dynamoDBEndpoint", "metricsLevel", "disableWorkerMetrics"}
    assert not local_only & chosen(tmp_path).keys()


def test_locally_one_endpoint_stands_for_all_of_aws(tmp_path: Path) -> None:
    told = chosen(tmp_path, endpoint_url=LOCAL)
    assert (told["kinesisEndpoint"], told["dynamoDBEndpoint"]) == (LOCAL, LOCAL)
    assert told["metricsLevel"] == "NONE"


def test_a_worker_has_the_same_name_at_every_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert chosen(tmp_path)["workerId"] == worker_id(settings) == worker_id(settings)


@pytest.mark.parametrize("other", [{"application__instance": 1}, {"application__name": "other"}])
def test_two_workers_on_a_host_have_two_names_and_two_folders(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    one, two = settings_in(tmp_path), settings_in(tmp_path, **other)
    assert worker_id(one) != worker_id(two)
    assert RunFolder.of(one) != RunFolder.of(two)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(), max_size=3))
@example({"a": " leads and ends ", "b": "back\\slash\nline", "c": "ü \U0001f4c8 =:#!"})
def test_java_reads_back_what_was_written(given_: dict[str, str]) -> None:
    text = rendered(given_)
    assert text.isascii()
    units = {k: v.encode("utf-16", "surrogatepass") for k, v in given_.items()}
    read = {k: v.encode("utf-16", "surrogatepass") for k, v in read_java(text).items()}
    assert read == units


def test_the_heap_grows_with_the_shards_from_512_mb() -> None:
    assert [heap_mb(shards) for shards in (1, 17, 18, 100)] == [512, 512, 540, 3000]


def test_a_jvm_out_of_memory_ends_instead_of_trying_for_ever(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert "-XX:+ExitOnOutOfMemoryError" in command(settings, RunFolder.of(settings))


def test_cbor_is_left_out_where_the_emulator_speaks_json_only(tmp_path: Path) -> None:
    local, aws = settings_in(tmp_path, endpoint_url=LOCAL), settings_in(tmp_path)
    assert "-Daws.cborEnabled=false" in command(local, RunFolder.of(local))
    assert "-Daws.cborEnabled=false" not in command(aws, RunFolder.of(aws))


def test_made_up_credentials_go_to_this_machine_only(tmp_path: Path) -> None:
    here = environment(settings_in(tmp_path, endpoint_url=LOCAL), {})
    there = environment(settings_in(tmp_path, endpoint_url="http://10.0.0.9:1"), {})
    assert ("AWS_ACCESS_KEY_ID" in here, "AWS_ACCESS_KEY_ID" in there) == (True, False)
    assert environment(settings_in(tmp_path), {"A": "b"}) == {"A": "b"}


def test_credentials_of_ones_own_are_kept(tmp_path: Path) -> None:
    own = {"AWS_ACCESS_KEY_ID": "mine"}
    assert (
        environment(settings_in(tmp_path, endpoint_url=LOCAL), own)["AWS_ACCESS_KEY_ID"] == "mine"
    )


def test_the_shards_script_bears_paths_with_blanks_and_quotes(tmp_path: Path) -> None:
    home = tmp_path / "it's a home"
    home.mkdir()
    folder = RunFolder(tmp_path / "run $HOME")
    script = shard_script(folder, home).replace("exec ", "printf '%s\\n' \"$PWD\" ")
    said = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    lines = said.stdout.splitlines()
    assert (lines[0], lines[-1]) == (str(home), str(folder.settings))


def test_the_files_are_this_users_alone(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    folder = RunFolder.of(settings)
    write_files(settings, folder)
    files = [file for file in folder.root.iterdir() if file.is_file()]
    assert {file.name: file.stat().st_mode & 0o077 for file in files} == {
        "logback.xml": 0,
        "settings.json": 0,
        "shard.sh": 0,
        "worker.properties": 0,
    }


def test_the_children_get_the_settings_as_they_are(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, cut__seconds=7, endpoint_url=LOCAL)
    folder = RunFolder.of(settings)
    write_files(settings, folder)
    assert restore(folder.settings.read_bytes()).model_dump() == settings.model_dump()


def test_logback_is_well_formed_and_bounded_wherever_the_folder_lies() -> None:
    root = ElementTree.fromstring(logback(RunFolder(Path("/a & b/<c>"))))
    assert [e.text for e in root.iter("file")] == ["/a & b/<c>/logs/daemon.log"]
    assert [e.text for e in root.iter("maxFileSize")] == ["10MB"]
