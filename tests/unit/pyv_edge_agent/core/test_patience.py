"""What was spent before a restart counts after it, and each start has a least time."""

from __future__ import annotations

from pyv_edge_agent.core.patience import KEPT_SECONDS, LEAST_SECONDS, begun_at, keep_at


def test_what_was_spent_counts() -> None:
    assert begun_at(5.0, 100.0, 600.0) + 600.0 == 5.0 + 500.0


def test_each_start_has_a_least_time_and_never_more_than_the_limit() -> None:
    assert begun_at(5.0, 590.0, 600.0) + 600.0 == 5.0 + LEAST_SECONDS
    assert begun_at(5.0, 3.0, 4.0) == 5.0


def test_it_is_kept_each_half_minute() -> None:
    assert keep_at(begun_at(5.0, 90.0, 600.0), 90.0) == 5.0 + KEPT_SECONDS
