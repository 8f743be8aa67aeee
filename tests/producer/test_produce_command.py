"""The command: its sentences, its summary and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from cli import produce
from config.site import Site


@pytest.fixture
def shell() -> typer.Typer:
    app = typer.Typer()
    produce.register(app)
    return app


def run(shell: typer.Typer, site: Site, *words: str) -> Result:
    settings = site.settings
    named = {
        "endpoint_url": settings.endpoint_url,
        "stream.name": settings.stream.name,
        "lake.bucket": settings.lake.bucket,
        "lake.prefix": settings.lake.prefix,
        "market.timezone": settings.market.timezone,
    }
    flags = [part for key, value in named.items() for part in ("--set", f"{key}={value}")]
    return CliRunner().invoke(shell, ["produce", *words, *flags])


@pytest.fixture
def place(site: Site) -> Site:
    site.client("kinesis").create_stream(StreamName=site.settings.stream.name, ShardCount=1)
    site.client("s3").create_bucket(Bucket=site.bucket)
    return site


def test_a_run_ends_with_one_line(shell: typer.Typer, place: Site) -> None:
    answer = run(shell, place, "synthetic", "--records", "1000", "--lines", "1")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("produced: 1,000 ticks in 1,000 records, ")
    assert answer.stdout.count("\n") == 1


def test_machines_get_json(shell: typer.Typer, place: Site) -> None:
    answer = run(shell, place, "synthetic", "--records", "40", "--symbols", "A,B", "--json")
    summary = json.loads(answer.stdout)
    assert (summary["ticks"], summary["records"], summary["parts"]) == (40, 2, 1)
    assert summary["stopped"] is False


def test_files_are_replayed(shell: typer.Typer, place: Site, tmp_path: Path) -> None:
    path = tmp_path / "AA.csv"
    path.write_text("when,price,note\n1720446300,1.5,x\n")
    answer = run(shell, place, "replay", str(path), "--map", "timestamp=when", "--no-manifest")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("produced: 1 ticks")
    assert "AA.csv: columns not sent: note" in answer.stderr


def test_the_exchange_of_the_settings_opens_the_synthetic_market(
    shell: typer.Typer, make_site: object, tmp_path: Path
) -> None:
    assert callable(make_site)
    site = make_site({"market.timezone": "Asia/Tokyo"})
    site.client("kinesis").create_stream(StreamName=site.settings.stream.name, ShardCount=1)
    truth = tmp_path / "truth.jsonl"
    words = ("--days", "1", "--anomalies", "6", "--truth", str(truth), "--no-manifest")
    answer = run(shell, site, "synthetic", *words)
    assert answer.exit_code == 0
    hours = {json.loads(line)["start"][11:13] for line in truth.read_text().splitlines()}
    assert hours == {"00", "01", "02", "03", "04", "05", "06"}


def test_any_source_runs_by_name(shell: typer.Typer, place: Site) -> None:
    answer = run(shell, place, "from", "synthetic", "--with", "records=10", "--with", "seed=7")
    assert answer.exit_code == 0
    assert answer.stdout.startswith("produced: 10 ticks")


def test_sources_are_listed_with_their_settings(shell: typer.Typer) -> None:
    answer = CliRunner().invoke(shell, ["produce", "sources", "--json"])
    assert json.loads(answer.stdout)["replay"][:2] == ["files", "map"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("synthetic", "--symbols", "0"), "symbols = 0: a number from 1"),
        (("synthetic", "--speed", "fast"), "--speed fast: write max or a number above 0"),
        (("synthetic", "--speed", "0"), "--speed 0: write max or a number above 0"),
        (("replay", "a.csv", "--map", "price"), "--map price: write FIELD=COLUMN"),
        (("replay", "a.csv", "--kind", "candle"), "kind = candle: one of quote, trade, bar"),
        (("from", "bloom"), "no source is called bloom; installed: "),
        (("from", "synthetic", "--with", "sed=1"), "sed is no setting; known: symbols"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence(
    shell: typer.Typer, site: Site, words: tuple[str, ...], sentence: str
) -> None:
    answer = run(shell, site, *words)
    assert answer.exit_code == 2
    assert answer.stderr.startswith(f"tapeline: {sentence}")


def test_a_stream_that_does_not_exist_ends_with_1_and_the_remedy(
    shell: typer.Typer, site: Site
) -> None:
    answer = run(shell, site, "synthetic", "--no-manifest")
    assert answer.exit_code == 1
    assert "make the stream with `tapeline apply`" in answer.stderr


def test_a_file_that_breaks_off_ends_with_1_and_says_what_was_published(
    shell: typer.Typer, place: Site, tmp_path: Path
) -> None:
    path = tmp_path / "AA.csv"
    path.write_text("time,price\n" + "1720446300,1.5\n" * 10_000 + "1720446300,abc\n")
    answer = run(shell, place, "replay", str(path))
    assert answer.exit_code == 1
    assert "8,192 ticks are on the stream" in answer.stderr
    assert "AA.csv, line 10002, column price: 'abc' is not a number" in answer.stderr
