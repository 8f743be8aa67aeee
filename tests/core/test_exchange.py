"""The exchange's clock, across both changes of daylight saving."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.core.exchange import LocalClock
from tests.core.tape import micros


def local(text: Any, zone: Any = "America/New_York") -> Any:
    got = LocalClock(zone).columns(np.array([micros(text)]))
    date = np.datetime64(int(got["exchange_date"][0]), "D")
    return f"{date} {got['exchange_hour'][0]:02d}:{got['exchange_minute'][0]:02d}"


@pytest.mark.parametrize(
    ("instant", "clock"),
    [
        ("2025-03-09T06:59:59+00:00", "2025-03-09 01:59"),
        ("2025-03-09T07:00:00+00:00", "2025-03-09 03:00"),
        ("2025-03-10T13:30:00+00:00", "2025-03-10 09:30"),
        ("2025-03-07T14:30:00+00:00", "2025-03-07 09:30"),
        ("2025-11-02T05:59:59+00:00", "2025-11-02 01:59"),
        ("2025-11-02T06:00:00+00:00", "2025-11-02 01:00"),
        ("2025-11-03T14:30:00+00:00", "2025-11-03 09:30"),
        ("2025-02-01T04:59:59+00:00", "2025-01-31 23:59"),
    ],
)
def test_new_york_keeps_its_hour_when_the_clock_changes(instant: Any, clock: Any) -> None:
    assert local(instant) == clock


def test_a_zone_may_be_off_by_a_quarter_of_an_hour() -> None:
    assert local("2025-01-31T00:00:00+00:00", "Asia/Kathmandu") == "2025-01-31 05:45"


def test_a_zone_may_shift_by_half_an_hour() -> None:
    assert local("2025-04-05T14:59:59+00:00", "Australia/Lord_Howe") == "2025-04-06 01:59"
    assert local("2025-04-05T15:00:00+00:00", "Australia/Lord_Howe") == "2025-04-06 01:30"


@given(
    st.lists(st.integers(631_152_000, 4_102_444_799), min_size=1, max_size=50),
    st.sampled_from(["America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata"]),
)
def test_columns_tell_what_python_tells(seconds: Any, zone: Any) -> None:
    got = LocalClock(zone).columns(np.array(seconds) * 1_000_000)
    for row, second in enumerate(seconds):
        there = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
        there = there.astimezone(ZoneInfo(zone))
        assert (got["exchange_hour"][row], got["exchange_minute"][row]) == (
            there.hour,
            there.minute,
        )
        assert got["exchange_date"][row] == there.toordinal() - datetime(1970, 1, 1).toordinal()
