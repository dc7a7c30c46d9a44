"""Maintenance windows: days, hours, midnight and time zones."""

from __future__ import annotations

import datetime as dt

import pytest

from pyv_edge_agent.core.windows import is_open
from pyvorin_edge.orders import WindowSpan
from pyvorin_edge.vocabulary import Weekday

NIGHT = WindowSpan(days=(Weekday.MON,), from_="22:00", to="04:00")
DAY = WindowSpan(days=(Weekday.MON,), from_="09:00", to="17:00")


def at(day: int, time: str) -> int:
    """June 2026: the 1st is a Monday; UTC."""
    hour, minute = map(int, time.split(":"))
    return int(dt.datetime(2026, 6, day, hour, minute, tzinfo=dt.UTC).timestamp() * 1000)


def test_no_window_is_always_open() -> None:
    assert is_open(None, "UTC", 0)


@pytest.mark.parametrize(
    ("day", "time", "open_"),
    [(1, "08:59", False), (1, "09:00", True), (1, "16:59", True), (1, "17:00", False), (2, "12:00", False)],
)
def test_a_window_of_one_day_has_its_first_minute_and_not_its_last(day: int, time: str, open_: bool) -> None:
    assert is_open(DAY, "UTC", at(day, time)) is open_


@pytest.mark.parametrize(
    ("day", "time", "open_"),
    [
        (1, "03:59", False),  # belongs to Sunday
        (1, "21:59", False),
        (1, "22:00", True),
        (2, "00:00", True),
        (2, "03:59", True),
        (2, "04:00", False),
        (2, "22:00", False),
    ],
)
def test_a_window_over_midnight_belongs_to_its_first_day(day: int, time: str, open_: bool) -> None:
    assert is_open(NIGHT, "UTC", at(day, time)) is open_


def test_hours_are_the_devices_own() -> None:
    assert is_open(DAY, "Europe/Vienna", at(1, "07:30"))  # 09:30 in summer
    assert not is_open(DAY, "Europe/Vienna", at(1, "15:30"))


def test_the_day_is_the_devices_own_too() -> None:
    assert is_open(NIGHT, "Pacific/Auckland", at(1, "10:00"))  # Monday 22:00
    assert not is_open(NIGHT, "Pacific/Honolulu", at(2, "04:00"))  # Monday 18:00


@pytest.mark.parametrize("tz", ["Nowhere/Land", "", "../etc/passwd", "\0"])
def test_an_unknown_time_zone_counts_as_utc(tz: str) -> None:
    assert is_open(DAY, tz, at(1, "12:00"))


def test_a_window_that_ends_where_it_begins_lasts_a_day() -> None:
    span = WindowSpan(days=(Weekday.MON,), from_="10:00", to="10:00")
    assert not is_open(span, "UTC", at(1, "09:59"))
    assert is_open(span, "UTC", at(1, "10:00"))
    assert is_open(span, "UTC", at(2, "09:59"))
    assert not is_open(span, "UTC", at(2, "10:00"))
