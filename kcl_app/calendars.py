"""An exchange's openings and closes, as data for the core's windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcl_app.core.columns import Array


class UnknownCalendar(ValueError):
    """No calendar of that name. The text says which there are."""


def edges(name: str, earliest_year: int, latest_year: int) -> Array:
    """Openings, closes and breaks in these years, ascending UTC microseconds.

    Years that the calendar doesn't know are left out. Both ends are fixed, so the answer
    does not depend on the day it is asked. Raises UnknownCalendar.
    """
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    try:
        known: Any = type(exchange_calendars.get_calendar(name))
    except InvalidCalendarName:
        names = ", ".join(exchange_calendars.get_calendar_names(include_aliases=False))
        raise UnknownCalendar(
            f"windows.calendar = {name!r}: no such calendar; there are {names}"
        ) from None
    first = _later(known.bound_min(), f"{earliest_year}-01-01")
    last = _sooner(known.bound_max(), f"{latest_year}-12-31")
    schedule = exchange_calendars.get_calendar(name, start=first, end=last).schedule
    every = [schedule[column].dropna().dt.as_unit("us") for column in schedule.columns]
    return np.unique(np.concatenate([moments.astype("int64") for moments in every]))


def _later(bound: Any, day: str) -> str:
    return max(str(bound.date()), day) if bound is not None else day


def _sooner(bound: Any, day: str) -> str:
    return min(str(bound.date()), day) if bound is not None else day
