"""What analysts asked of the two pipelines before this one, asked of the demo's lake."""

from __future__ import annotations

import pyarrow as pa

from athena.answer import Engine
from athena.days import filled
from athena.library import named
from config.site import Site

FIVE = (
    "highest_high_per_hour",
    "first_ten",
    "top_five_price_change",
    "average_volume",
    "large_changes",
)


def ask(site: Site, engine: Engine, name: str) -> pa.Table:
    """The answer to a question of the house over all days that the lake holds."""
    question = named(name)
    return engine.answer(question.sql, filled(site, question, {})).table
