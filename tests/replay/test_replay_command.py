"""The command, over an S3 of its own: into a lake beside the live one, proven by verify."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner

from cli import replay as command
from config.load import SettingsError
from config.site import Site
from kcl_app.core.lake import LIFE
from kcl_app.life import Life, LifeError, open_life
from kcl_app.wiring import lake_store
from replay import ReplayError, Summary, replay
from replay.origins import file_origin, lake_origin
from replay.run import refuse_overlap
from tests.conftest import MakeSite
from tests.replay.test_files import tape
from verify import Scope, VerifyError, report

SMALL = {"cut.records": 10}


@pytest.fixture
def beside(make_site: MakeSite) -> Callable[[str], Site]:
    """Sites that share a bucket and differ in their prefix."""
    first = make_site({"lake.prefix": "tape", **SMALL})
    first.client("s3").create_bucket(Bucket=first.bucket)
    chosen = {"lake.bucket": first.bucket, "application.name": first.settings.application.name}
    return lambda prefix: make_site({**chosen, **SMALL, "lake.prefix": prefix})


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "tape.csv"
    path.write_text(tape())
    return str(path)


def run(site: Site, *words: str) -> Any:
    app = typer.Typer()
    command.register(app)
    app.command("other")(lambda: None)
    settings = site.settings
    pairs = {
        "endpoint_url": settings.endpoint_url,
        "lake.bucket": settings.lake.bucket,
        "lake.prefix": settings.lake.prefix,
        "application.name": settings.application.name,
        **SMALL,
    }
    flags = [word for key, value in pairs.items() for word in ("--set", f"{key}={value}")]
    return CliRunner().invoke(app, ["replay", *words, *flags])


def test_a_file_becomes_a_lake_that_verify_proves(beside: Callable[[str], Site], file: str) -> None:
    answer = run(beside("tape"), "--from", file, "--to", "backfill")
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.startswith("replayed: 40 records of 1 shards")
    proven = report(beside("backfill"))
    assert proven.ok
    assert proven.line == (
        "verify: produced=40 stored=38 missing=0 repeated=0 overlaps=0 rejects=2"
    )
    assert [shard.checkpoint for shard in proven.shards] == ["SHARD_END"]


def test_a_lake_becomes_a_second_one(beside: Callable[[str], Site], file: str) -> None:
    run(beside("tape"), "--from", file, "--to", "backfill")
    answer = run(beside("backfill"), "--from", "s3", "--to", "again", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["records"] == 40
    named = f"s3://{beside('tape').bucket}/backfill"
    assert run(beside("tape"), "--from", named, "--to", "third").exit_code == 0
    for prefix in ("again", "third"):
        proven = report(beside(prefix))
        assert proven.ok
        assert (proven.stored, proven.rejects) == (38, 2)


def test_run_again_it_says_that_all_is_done(beside: Callable[[str], Site], file: str) -> None:
    run(beside("tape"), "--from", file, "--to", "backfill")
    answer = run(beside("tape"), "--from", file, "--to", "backfill", "--json")
    assert answer.exit_code == 0
    done = json.loads(answer.stdout)
    assert done["records"] == 0
    assert done["resumed"] == {"backfill-000000000000": "its end"}


def test_asked_to_stop_it_keeps_what_it_has_and_goes_on_later(
    beside: Callable[[str], Site], file: str
) -> None:
    site, to = beside("tape"), beside("backfill")

    def only_after(calls: int) -> Callable[[], bool]:
        asked = iter(range(calls))
        return lambda: next(asked, None) is None

    source = file_origin(site, [file], {}, print)
    stopped = replay(site, source, to, stopped=only_after(0))
    assert not stopped.complete
    assert replay(site, file_origin(site, [file], {}, print), to).complete
    assert report(to).line.startswith("verify: produced=40 stored=38 missing=0 repeated=0")


def test_interrupted_the_command_ends_with_one(
    beside: Callable[[str], Site], file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: Any) -> Summary:
        signal.raise_signal(signal.SIGINT)
        return replay(*given)

    monkeypatch.setattr("replay.replay", interrupted)
    answer = run(beside("tape"), "--from", file, "--to", "backfill")
    assert answer.exit_code == 1
    assert answer.stdout.startswith("stopped (the same command goes on): 0 records")


@pytest.mark.parametrize("prefix", ["tape", "tape/backfill", "/tape/"])
def test_the_prefix_of_the_live_lake_is_refused(
    beside: Callable[[str], Site], file: str, prefix: str
) -> None:
    answer = run(beside("tape"), "--from", file, "--to", prefix)
    assert answer.exit_code == 1
    assert "a backfill has a prefix of its own" in answer.stderr


def test_a_prefix_that_only_begins_alike_is_not(beside: Callable[[str], Site]) -> None:
    refuse_overlap(beside("tape"), beside("tape-2"))


def test_a_lake_that_another_application_writes_is_refused(
    beside: Callable[[str], Site], file: str
) -> None:
    live = Life("abcd1234", "their-app", "arn:aws:kinesis:stream", "2025-01-01")
    lake_store(beside("theirs")).create(LIFE, msgspec.json.encode(live))
    answer = run(beside("tape"), "--from", file, "--to", "theirs")
    assert answer.exit_code == 1
    assert "the lake of application their-app, which may be writing" in answer.stderr


def test_a_backfill_of_something_else_is_not_gone_on_with(
    beside: Callable[[str], Site], file: str
) -> None:
    run(beside("tape"), "--from", file, "--to", "backfill")
    Path(file).write_text(tape(41))
    answer = run(beside("tape"), "--from", file, "--to", "backfill")
    assert answer.exit_code == 1
    assert "is a backfill of files tape.csv" in answer.stderr


def test_other_rules_are_not_mixed_into_a_backfill(
    beside: Callable[[str], Site], make_site: MakeSite, file: str
) -> None:
    site = beside("tape")
    replay(site, file_origin(site, [file], {}, print), beside("backfill"))
    other = {"lake.bucket": site.bucket, "lake.prefix": "tape", "windows.intervals": ["5m"]}
    changed = make_site(other)
    with pytest.raises(ReplayError, match="begun with other settings"):
        replay(changed, file_origin(changed, [file], {}, print), beside("backfill"))


def test_a_worker_will_not_write_into_a_backfill(beside: Callable[[str], Site], file: str) -> None:
    run(beside("tape"), "--from", file, "--to", "backfill")
    with pytest.raises(LifeError, match=r"is a backfill of files tape\.csv"):
        open_life(lake_store(beside("backfill")), Life("x", "app", "arn", "2025"))


def test_a_backfill_has_no_stream_to_be_held_against(
    beside: Callable[[str], Site], file: str
) -> None:
    run(beside("tape"), "--from", file, "--to", "backfill")
    with pytest.raises(VerifyError, match="it has no stream"):
        report(beside("backfill"), Scope(against="stream"))


def test_a_backfill_under_way_is_pending_not_damaged(
    beside: Callable[[str], Site], file: str
) -> None:
    to = beside("backfill")
    run(beside("tape"), "--from", file, "--to", "backfill")
    s3 = to.client("s3")
    for kept in s3.list_objects_v2(Bucket=to.bucket, Prefix="backfill/checkpoints/")["Contents"]:
        s3.delete_object(Bucket=to.bucket, Key=kept["Key"])
    proven = report(to)
    assert proven.ok
    assert (proven.stored, proven.pending) == (0, 40)


def test_where_nothing_was_stored_yet_there_is_nothing_to_replay(
    beside: Callable[[str], Site],
) -> None:
    answer = run(beside("tape"), "--from", "s3", "--to", "backfill")
    assert answer.exit_code == 1
    assert "no lake stands at s3://" in answer.stderr


def test_a_bucket_that_is_not_there_is_named(beside: Callable[[str], Site]) -> None:
    with pytest.raises(ReplayError, match="there is no bucket nowhere-at-all"):
        lake_origin(beside("tape"), "s3://nowhere-at-all/tape")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "s3", "more.csv", "--to", "b"), "is a whole lake"),
        (("--from", "s3", "--symbol", "A", "--to", "b"), "is a whole lake"),
        (("--from", "a.csv", "--to", "what?"), "lake.prefix = 'what?'"),
        (("--from", "a.csv", "--to", "b", "--map", "price"), "write FIELD=COLUMN"),
    ],
)
def test_wrong_usage_ends_with_two(
    beside: Callable[[str], Site], words: tuple[str, ...], said: str
) -> None:
    answer = run(beside("tape"), *words)
    assert answer.exit_code == 2
    assert said in answer.stderr


def test_windows_that_cannot_be_are_refused_before_anything_is_written(
    beside: Callable[[str], Site], make_site: MakeSite, file: str
) -> None:
    site, to = beside("tape"), beside("backfill")
    wrong = make_site({"lake.bucket": site.bucket, "windows.intervals": ["7m"]})
    with pytest.raises(SettingsError, match="interval '7m'"):
        replay(wrong, file_origin(wrong, [file], {}, print), to)
    assert list(lake_store(to).list("")) == []


def test_a_line_that_cannot_be_read_is_named(beside: Callable[[str], Site], file: str) -> None:
    Path(file).write_text(tape() + "A,yesterday,1,1\n")
    answer = run(beside("tape"), "--from", file, "--to", "backfill")
    assert answer.exit_code == 1
    assert "line 42, column timestamp" in answer.stderr
