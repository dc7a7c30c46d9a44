"""Maintenance windows in the device's time zone (PROTOCOL 5, window; rule 8)."""

from __future__ import annotations

import datetime as dt

from pyvorin_edge.orders import WindowSpan
from pyvorin_edge.vocabulary import Weekday

_DAYS = tuple(Weekday)


def is_open(span: WindowSpan | None, tz: str, wall_ms: int) -> bool:
    """Whether the moment lies in the window; none = always. A span may cross midnight: it belongs to its first day.

    One that ends where it begins lasts 24 hours. An unknown time zone counts as UTC.
    """
    if span is None:
        return True
    local = dt.datetime.fromtimestamp(wall_ms / 1000, _zone(tz))
    minute = local.hour * 60 + local.minute
    start, end = _minutes(span.from_), _minutes(span.to)
    today, yesterday = _DAYS[local.weekday()], _DAYS[local.weekday() - 1]
    if start < end:
        return today in span.days and start <= minute < end
    return (today in span.days and minute >= start) or (yesterday in span.days and minute < end)


def _zone(name: str) -> dt.tzinfo:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # for who has windows: 0.3 MiB with what it imports

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return dt.UTC


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
