"""When a certificate is renewed, and when again after that failed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.core.renewing import RETRY_SECONDS, RETRY_SECONDS_MAX, next_retry_seconds, renew_at


def test_it_is_renewed_after_two_thirds_of_its_life() -> None:
    assert renew_at(1_000, 4_000) == 3_000


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_tries_are_neither_close_nor_given_up(chances: list[float]) -> None:
    delay: float | None = None
    for chance in chances:
        delay = next_retry_seconds(delay, chance)
        assert RETRY_SECONDS <= delay <= RETRY_SECONDS_MAX


def test_the_back_off_grows() -> None:
    first = next_retry_seconds(None, 1.0)
    assert next_retry_seconds(first, 1.0) > first
