"""Settings: file below environment below flags; what is wrong is answered with what is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import SettingsError, assigned, dump, known_keys, load, restore


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults_work_without_anything() -> None:
    settings = load()
    assert settings.stream.name == "stock-market-stream"
    assert [use.use for use in settings.sinks] == ["dynamodb", "sns", "parquet"]
    assert not settings.local


def test_the_environment_goes_over_the_file_and_a_flag_over_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("tapeline.toml").write_text("[cut]\nseconds = 1\nrecords = 10\ndates = 3\n")
    monkeypatch.setenv("TAPELINE_CUT__SECONDS", "2")
    monkeypatch.setenv("TAPELINE_CUT__RECORDS", "20")
    cut = load(flags=assigned(["cut.seconds=3"])).cut
    assert (cut.seconds, cut.records, cut.dates) == (3, 20, 3)


def test_what_is_below_speaks_only_where_nothing_else_does() -> None:
    below = {"endpoint_url": "http://127.0.0.1:1"}
    assert load(below=below).endpoint_url == "http://127.0.0.1:1"
    Path("tapeline.toml").write_text('endpoint_url = ""\n')
    assert load(below=below).endpoint_url == ""


def test_a_file_may_be_named_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.toml").write_text('region = "eu-west-1"\n')
    monkeypatch.setenv("TAPELINE_CONFIG", "other.toml")
    assert load().region == "eu-west-1"


def test_sinks_carry_their_own_fields() -> None:
    Path("tapeline.toml").write_text('[[sinks]]\nuse = "sqlite"\npath = "flags.db"\n')
    (use,) = load().sinks
    assert (use.use, use.fields) == ("sqlite", {"path": "flags.db"})


def test_a_list_is_given_to_set_as_a_list() -> None:
    assert load(flags=assigned(['windows.intervals=["1m", "1h"]'])).windows.intervals == (
        "1m",
        "1h",
    )


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("cut.secnds=1", "unknown key cut.secnds; did you mean cut.seconds"),
        ("nothing.like.it=1", "known keys: endpoint_url, region"),
        ("cut=1", "cut is a section; its keys: cut.seconds"),
        ("cut.seconds=soon", "cut.seconds = 'soon': Input should be a valid number"),
        ("cut.seconds=0", "cut.seconds = '0': Input should be greater than 0"),
        (
            "worker.symbols=99",
            "worker.symbols = '99': Input should be greater than or equal to 100",
        ),
        ("market.timezone=Mars/Olympus", "not an IANA time zone, such as America/New_York"),
        ("market.latest_year=1980", "must lie before market.latest_year"),
        ("windows.intervals=[1m]", 'write it as --set \'windows.intervals=["1m", "5m"]\''),
        ("cut.seconds", "write KEY=VALUE, such as --set cut.seconds=5"),
    ],
)
def test_a_wrong_flag_is_answered_with_the_right_one(pair: str, said: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load(flags=assigned([pair]))
    assert said in str(wrong.value)


def test_an_unknown_variable_of_ours_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPELINE_CUT__SECNDS", "1")
    with pytest.raises(SettingsError, match=r"TAPELINE_CUT__SECNDS.*did you mean cut\.seconds"):
        load()


@pytest.mark.parametrize(
    ("text", "said"),
    [("[cut]\nsecnds = 1\n", "did you mean cut.seconds"), ("[cut\n", "not TOML")],
)
def test_a_wrong_file_is_an_error(text: str, said: str) -> None:
    Path("tapeline.toml").write_text(text)
    with pytest.raises(SettingsError, match=said):
        load()


def test_a_named_file_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SettingsError, match="gone\\.toml: no such settings file"):
        load("gone.toml")


def test_settings_reach_a_child_process_whole() -> None:
    settings = load(flags=assigned(['windows.intervals=["1m", "1d"]', "cut.megabytes=0.5"]))
    assert restore(dump(settings)) == settings


def test_every_key_has_a_name_that_a_flag_can_take() -> None:
    assert {"cut.seconds", "lake.bucket", "sinks"} <= set(known_keys())
