"""From settings to what a flow computes."""

from __future__ import annotations

from config.settings import Settings
from kcl_app.core.decode import Decoder
from kcl_app.core.flow import Rules
from kcl_app.core.windows import window
from kcl_app.detect.rules import ChangeRule, ZScoreRule


def rules_of(settings: Settings) -> Rules:
    """The flow's rules. Raises ValueError where an interval cannot be."""
    return Rules(
        zone=settings.market.timezone,
        windows=tuple(window(name) for name in settings.windows.intervals),
        detectors=(ChangeRule(settings.flags.change_percent), ZScoreRule(settings.flags.z_score)),
    )


def decoder_of(settings: Settings) -> Decoder:
    market = settings.market
    return Decoder(market.timezone, market.earliest_year, market.latest_year)
