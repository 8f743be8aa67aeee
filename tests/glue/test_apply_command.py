"""tapeline apply, as a person and a script see it."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from cli import apply
from config.site import Site


@pytest.fixture
def shell() -> typer.Typer:
    app = typer.Typer()
    apply.register(app)
    app.command("other")(lambda: None)
    return app


def flags(site: Site, *more: str) -> list[str]:
    """The command line that means the same settings as ``site``."""
    tree = json.loads(site.settings.model_dump_json())
    pairs = [f"endpoint_url={site.settings.endpoint_url}"] + [
        f"{section}.{key}={tree[section][key]}"
        for section in ("stream", "lake", "catalog", "alerts", "items")
        for key in tree[section]
    ]
    return ["apply", *(word for pair in pairs for word in ("--set", pair)), *more]


def test_a_dry_run_says_what_it_would_make_and_makes_nothing(
    shell: typer.Typer, site: Site
) -> None:
    for _ in range(2):
        answer = CliRunner().invoke(shell, flags(site, "--dry-run", "--json"))
        assert answer.exit_code == 0, answer.output
        document = json.loads(answer.stdout)
        assert document["applied"] is False
        assert document["would_change"] == len(document["resources"])


def test_twice_says_unchanged(shell: typer.Typer, site: Site) -> None:
    first = CliRunner().invoke(shell, flags(site))
    assert first.exit_code == 0, first.output
    assert "created" in first.stdout
    again = CliRunner().invoke(shell, flags(site))
    assert again.stdout.endswith("unchanged: everything is as the settings say\n")


def test_what_is_blocked_is_said_and_exits_with_1(shell: typer.Typer, site: Site) -> None:
    answer = CliRunner().invoke(shell, flags(site, "--set", f"lake.results_bucket={site.bucket}"))
    assert answer.exit_code == 1
    assert "give the results a bucket of their own" in answer.stderr


def test_an_endpoint_where_nobody_listens_is_a_sentence(shell: typer.Typer) -> None:
    answer = CliRunner().invoke(shell, ["apply", "--set", "endpoint_url=http://127.0.0.1:9"])
    assert answer.exit_code == 1
    assert "check endpoint_url, region and network" in answer.stderr


def test_the_actions_it_needs_are_listed(shell: typer.Typer, site: Site) -> None:
    answer = CliRunner().invoke(shell, flags(site, "--actions", "--json"))
    assert "kinesis:CreateStream" in json.loads(answer.stdout)
