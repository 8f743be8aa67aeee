"""Every way of writing a time that files and feeds use, to UTC microseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.times import NotATime, iso, microseconds

NEW_YORK = ZoneInfo("America/New_York")
MOMENT = 1_638_282_600_000_000
"""2021-11-30 09:30 in New York, 14:30 UTC."""


@pytest.mark.parametrize(
    "value",
    [
        1_638_282_600,
        1_638_282_600.0,
        1_638_282_600_000,
        1_638_282_600_000_000,
        1_638_282_600_000_000_000,
        "1638282600",
        "1638282600.0",
        " 1638282600000 ",
        "2021-11-30 09:30:00-05:00",
        "2021-11-30T14:30:00Z",
        "2021-11-30T14:30Z",
        "20211130T143000Z",
        datetime(2021, 11, 30, 9, 30, tzinfo=timezone(timedelta(hours=-5))),
        np.int64(1_638_282_600),
        np.float64(1_638_282_600),
    ],
)
def test_a_moment_is_the_same_however_it_is_written(value: Any) -> None:
    assert microseconds([value]).tolist() == [MOMENT]


@pytest.mark.parametrize(
    "value",
    ["2021-11-30 09:30", "2021-11-30T09:30:00.000", datetime(2021, 11, 30, 9, 30)],
)
def test_times_without_a_zone_are_of_the_zone_given(value: Any) -> None:
    assert microseconds([value], NEW_YORK).tolist() == [MOMENT]
    assert microseconds([value]).tolist() == [MOMENT - 5 * 3_600_000_000]


@pytest.mark.parametrize("value", ["20211130", 20211130, "2021-11-30", date(2021, 11, 30)])
def test_a_date_alone_is_its_midnight(value: Any) -> None:
    midnight = datetime(2021, 11, 30, tzinfo=NEW_YORK)
    assert microseconds([value], NEW_YORK).tolist() == [int(midnight.timestamp()) * 1_000_000]


def test_the_hour_that_comes_twice_is_the_first_one() -> None:
    (time,) = microseconds(["2025-11-02 01:30"], NEW_YORK).tolist()
    assert iso(np.array([time])) == ["2025-11-02T05:30:00Z"]


def test_a_format_of_ones_own_can_be_given() -> None:
    assert microseconds(["30.11.2021 09:30"], NEW_YORK, "%d.%m.%Y %H:%M").tolist() == [MOMENT]


@pytest.mark.parametrize(
    "value",
    ["", "soon", None, True, "nan", float("nan"), float("inf"), 10**30, "30/11/2021", [1], "-",
     "20211399"],
)  # fmt: skip
def test_what_is_no_time_is_said_with_its_place(value: Any) -> None:
    with pytest.raises(NotATime) as wrong:
        microseconds([0, 1, value])
    assert wrong.value.index == 2
    assert str(wrong.value).startswith(repr(str(value)))


@given(st.datetimes(timezones=st.just(UTC)))
def test_iso_text_and_back_is_the_same(moment: datetime) -> None:
    times = microseconds([moment])
    assert microseconds(iso(times)).tolist() == times.tolist()


def test_text_has_as_many_decimals_as_are_needed() -> None:
    assert iso(np.array([0, 1_000_000])) == ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"]
    assert iso(np.array([1_000])) == ["1970-01-01T00:00:00.001Z"]
    assert iso(np.array([1])) == ["1970-01-01T00:00:00.000001Z"]
    assert iso(np.array([], dtype=np.int64)) == []
