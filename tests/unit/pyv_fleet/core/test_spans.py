"""Maintenance windows: what is written is what is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.spans import DAYS, SpanError, length_seconds, overlap, parse_span, written_span
from pyvorin_edge.orders import WindowSpan


def test_a_span_of_days_may_go_over_the_end_of_the_week() -> None:
    span = parse_span("fri-mon 22:00-05:00")
    assert (span.days, span.from_, span.to) == (("fri", "sat", "sun", "mon"), "22:00", "05:00")


@pytest.mark.parametrize("text", ["", "mon", "mon 1:00-2:00", "moon 01:00-02:00", "mon 25:00-02:00", "01:00-02:00"])
def test_what_cannot_be_read_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(SpanError):
        parse_span(text)


@given(st.lists(st.sampled_from(DAYS), min_size=1, unique=True), st.integers(0, 23), st.integers(0, 59))
def test_the_written_form_reads_back(days: list[str], hour: int, minute: int) -> None:
    span = WindowSpan(days=tuple(days), from_=f"{hour:02}:{minute:02}", to="12:00")
    assert set(parse_span(written_span(span)).days) == set(days)
    assert parse_span(written_span(span)).from_ == span.from_


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("daily 08:00-20:00", "daily 20:00-08:00", False),
        ("daily 08:00-20:00", "daily 19:59-08:00", True),
        ("sun 22:00-05:00", "mon 04:00-06:00", True),
        ("sun 22:00-05:00", "sun 04:00-06:00", False),
        ("sat 01:00-01:00", "sun 00:00-00:30", True),
    ],
)
def test_two_windows_are_open_together_in_some_minute_of_the_week_or_never(one: str, other: str, both: bool) -> None:
    assert overlap(parse_span(one), parse_span(other)) is both


def test_a_window_that_ends_where_it_begins_lasts_a_day() -> None:
    assert [length_seconds(parse_span(f"mon {text}")) for text in ("22:00-05:00", "01:00-01:00")] == [25_200, 86_400]
