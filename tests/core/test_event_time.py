"""Event times: one meaning, however they are written and however many come at once."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcl_app.core.event_time import UNKNOWN, instants, one
from tests.core.tape import micros

MOMENT = micros("2025-01-31T15:04:05+00:00")


@pytest.mark.parametrize(
    "text",
    [
        "2025-01-31T15:04:05Z",
        "2025-01-31 15:04:05Z",
        "2025-01-31T15:04:05.000Z",
        "2025-01-31T15:04:05.000000000Z",
        "2025-01-31T15:04:05+00:00",
        "2025-01-31T10:04:05-05:00",
        "2025-01-31 10:04:05-05:00",
        "2025-01-31T10:04:05-0500",
        "2025-01-31T20:34:05+05:30",
        "2025-01-31 15:04:05 UTC",
    ],
)
def test_one_moment_written_in_many_ways(text: Any) -> None:
    assert instants([text]).tolist() == [MOMENT]
    assert instants([text] * 40).tolist() == [MOMENT] * 40


@pytest.mark.parametrize(
    ("number", "micro"),
    [
        (1_738_335_845, MOMENT),
        (1_738_335_845_000, MOMENT),
        (1_738_335_845_000_000, MOMENT),
        (1_738_335_845_000_000_000, MOMENT),
        (1_738_335_845.25, MOMENT + 250_000),
        (1_738_335_845_123.5, MOMENT + 123_500),
        (1_738_335_845_123_456_789, MOMENT + 123_456),
    ],
)
def test_a_number_counts_in_the_unit_its_size_tells(number: Any, micro: Any) -> None:
    assert instants([number]).tolist() == [micro]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-01-31",
        "2025-01-31T15:04:05",
        "2025-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2025-04-31T00:00:00Z",
        "2025-01-00T00:00:00Z",
        "2025-00-10T00:00:00Z",
        "0000-01-10T00:00:00Z",
        "2025-01-31T24:00:00Z",
        "2025-01-31T23:60:00Z",
        "2025-01-31T23:59:60Z",
        "2025-01-31T15:04:05+24:00",
        "2025-01-31T15:04:05+05:60",
        "2025-01-31T15:04:05.Z",
        "2025-01-31T15:04:0xZ",
        "2025-01-31T15:04:05z0:00",
        "٢٠٢٥-01-31T15:04:05Z",
        "1738335845",
    ],
)
def test_text_that_is_no_moment_is_unknown_alone_and_in_columns(text: Any) -> None:
    assert instants([text]).tolist() == [UNKNOWN]
    assert instants([text] * 40).tolist() == [UNKNOWN] * 40


def test_leap_days_exist_in_leap_years_only() -> None:
    texts = [f"{year}-02-29T12:00:00Z" for year in range(1990, 2100)]
    known = [
        year for year, at in zip(range(1990, 2100), instants(texts), strict=True) if at != UNKNOWN
    ]
    assert known == list(range(1992, 2100, 4))


def test_text_and_numbers_may_be_mixed() -> None:
    mixed = ["2025-01-31T15:04:05Z", 1_738_335_845, None, 1_738_335_845.0, "?"]
    assert instants(mixed).tolist() == [MOMENT, MOMENT, UNKNOWN, MOMENT, UNKNOWN]


_moments = st.datetimes(datetime(1900, 1, 1), datetime(2199, 12, 31), timezones=st.just(UTC))
_zones = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))
_written = st.builds(
    lambda at, zone, sep: at.astimezone(zone).isoformat(sep),
    _moments,
    _zones,
    st.sampled_from("T "),
)
_broken = st.builds(
    lambda text, place, letter: text[: place % len(text)] + letter + text[place % len(text) + 1 :],
    _written,
    st.integers(0, 40),
    st.characters(codec="ascii"),
)


@given(_moments, _zones)
def test_iso_text_is_read_as_python_reads_it(moment: Any, zone: Any) -> None:
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert instants([moment.astimezone(zone).isoformat()] * 20).tolist() == [expected] * 20


@given(st.lists(_written | _broken, min_size=1, max_size=60))
def test_columns_read_text_as_one_by_one_does(texts: Any) -> None:
    padded = texts * 20
    assert instants(padded).tolist() == [one(text) for text in padded]


@given(st.lists(st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, width=64)))
def test_any_number_gives_a_time_and_never_raises(numbers: Any) -> None:
    assert instants(numbers).dtype == np.int64
