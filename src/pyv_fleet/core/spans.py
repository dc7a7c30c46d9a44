"""Maintenance windows as people write them: `mon-fri 22:00-05:00`, `sat,sun 08:00-20:00`, `daily 01:00-04:00`."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pyvorin_edge.errors import PyvorinError
from pyvorin_edge.orders import WindowSpan
from pyvorin_edge.vocabulary import Weekday

DAYS: Final = tuple(Weekday)
DAILY: Final = "daily"
DAY_MINUTES: Final = 24 * 60
_SPAN: Final = re.compile(r"(\S+) (\d\d:\d\d)-(\d\d:\d\d)")


class SpanError(PyvorinError):
    """A window that cannot be read."""


def parse_span(text: str) -> WindowSpan:
    """The written form as days and hours; SpanError says what to write."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise SpanError(f"{text!r}: write `mon-fri 22:00-05:00` or `daily 01:00-04:00`")
    days = tuple(dict.fromkeys(day for part in found[1].split(",") for day in _days(text, part)))
    try:
        return msgspec.convert({"days": days, "from": found[2], "to": found[3]}, WindowSpan)
    except msgspec.ValidationError as why:
        raise SpanError(f"{text!r}: {why}") from None


def written_span(span: WindowSpan) -> str:
    """The form that `parse_span` reads."""
    days = DAILY if set(span.days) == set(DAYS) else ",".join(span.days)
    return f"{days} {span.from_}-{span.to}"


def length_seconds(span: WindowSpan) -> int:
    """How long it is open; one that ends where it begins lasts 24 hours."""
    return ((_minute(span.to) - _minute(span.from_)) % DAY_MINUTES or DAY_MINUTES) * 60


def overlap(one: WindowSpan, other: WindowSpan) -> bool:
    """Whether there is a minute of the week in which both are open."""
    return not _minutes(one).isdisjoint(_minutes(other))


def _minutes(span: WindowSpan) -> set[int]:
    """The minutes of the week in which it is open; one that crosses midnight belongs to its first day."""
    length = length_seconds(span) // 60
    begins = [DAYS.index(day) * DAY_MINUTES + _minute(span.from_) for day in span.days]
    return {(begin + minute) % (7 * DAY_MINUTES) for begin in begins for minute in range(length)}


def _minute(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def _days(text: str, part: str) -> tuple[Weekday, ...]:
    if part == DAILY:
        return DAYS
    first, dash, last = part.partition("-")
    try:
        begin, end = DAYS.index(Weekday(first)), DAYS.index(Weekday(last if dash else first))
    except ValueError:
        raise SpanError(f"{text!r}: days are {', '.join(DAYS)}, or {DAILY}") from None
    return DAYS[begin : end + 1] if begin <= end else DAYS[begin:] + DAYS[: end + 1]
