"""From settings to what a flow computes."""

from __future__ import annotations

from importlib.metadata import entry_points

from config.settings import Settings
from kcl_app.calendars import edges
from kcl_app.core.event_time import SECOND
from kcl_app.core.flow import Rules
from kcl_app.core.indicators import BUILT_IN, Factory, indicator
from kcl_app.core.live import Watermark
from kcl_app.core.repeats import Horizon
from kcl_app.core.windows import window
from kcl_app.detect.rules import ChangeRule, TrendRule, ZScoreRule

GROUP = "tapeline.indicators"


def rules_of(settings: Settings) -> Rules:
    """Windows and detectors, in the order in which flags are written.

    Raises ValueError where an interval or a calendar cannot be.
    """
    market = settings.market
    calendar = settings.windows.calendar
    sessions = edges(calendar, market.earliest_year, market.latest_year) if calendar else None
    return Rules(
        zone=market.timezone,
        windows=tuple(window(name, sessions) for name in settings.windows.intervals),
        detectors=(
            ChangeRule(settings.flags.change_percent),
            ZScoreRule(settings.flags.z_score),
            *((TrendRule(),) if settings.flags.trend else ()),
        ),
        horizon=Horizon(settings.repeats.seconds, settings.repeats.ids),
        more=tuple(indicator(name, factories()) for name in settings.windows.indicators),
        watermark=watermark(settings),
    )


def watermark(settings: Settings) -> Watermark | None:
    windows = settings.windows
    if not windows.live:
        return None
    return Watermark(int(windows.lateness_seconds * SECOND), int(windows.idle_seconds * SECOND))


def factories() -> dict[str, Factory]:
    """Kinds of indicators: our own, and those of installed plugins."""
    plugins = {point.name: point.load() for point in entry_points(group=GROUP)}
    return {**plugins, **BUILT_IN}
