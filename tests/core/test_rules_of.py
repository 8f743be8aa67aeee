"""Settings become rules: windows, calendars, detectors, indicators of ours and of plugins."""

import importlib.metadata
from typing import Any

import pytest

from config.load import load
from kcl_app import rules
from kcl_app.core.formulas import sma
from kcl_app.core.indicators import Windowed


def rules_of(**flags: Any) -> Any:
    return rules.rules_of(
        load(flags={key.replace("__", "."): value for key, value in flags.items()})
    )


def test_the_defaults_give_minute_bars_in_utc_and_three_flags() -> None:
    made = rules_of()
    assert [window.name for window in made.windows] == ["1m"]
    assert [detector.kind for detector in made.detectors] == ["change", "z_score", "trend"]
    assert (made.zone, made.more, made.watermark) == ("America/New_York", (), None)


def test_windows_and_indicators_are_declared_in_settings() -> None:
    made = rules_of(windows__intervals=["1m", "1h_5m", "gap30m"], windows__indicators=["rsi_14"])
    assert [window.name for window in made.windows] == ["1m", "1h_5m", "gap30m"]
    assert [indicator.names for indicator in made.more] == [("rsi_14",)]


def test_a_calendar_aligns_the_windows() -> None:
    (day,) = rules_of(windows__calendar="XNYS", windows__intervals=["1d"]).windows
    assert len(day.edges) > 50_000


def test_live_bars_have_a_watermark() -> None:
    made = rules_of(windows__live=True, windows__lateness_seconds=2, windows__idle_seconds=30)
    assert (made.watermark.lateness, made.watermark.idle) == (2_000_000, 30_000_000)


def test_an_interval_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="interval '7m'"):
        rules_of(windows__intervals=["7m"])


def double(length: Any) -> Any:
    """A plugin's factory: the mean of the last prices."""
    return Windowed((f"double_{length}",), sma, int(length))


def test_an_installed_plugin_adds_a_kind_of_indicator(monkeypatch: Any) -> None:
    point = importlib.metadata.EntryPoint("double", f"{__name__}:double", rules.GROUP)
    monkeypatch.setattr(rules, "entry_points", lambda group: [point])
    made = rules_of(windows__indicators=["double_3", "sma_5"])
    assert [indicator.names for indicator in made.more] == [("double_3",), ("sma_5",)]


def test_crossings_need_not_be_flagged() -> None:
    assert [d.kind for d in rules_of(flags__trend=False).detectors] == ["change", "z_score"]
