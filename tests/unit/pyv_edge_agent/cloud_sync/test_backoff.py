"""Waits grow, are capped, and differ between devices; the cloud's own word goes before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.cloud_sync.backoff import (
    MOST_SECONDS,
    RETRY_AFTER_MOST_SECONDS,
    backoff_seconds,
    retry_after_seconds,
)

NOW = 1_700_000_000.0


def test_waits_double_up_to_the_most() -> None:
    assert [backoff_seconds(failures, 1.0) for failures in (0, 1, 2, 3, 8, 9, 10_000)] == [
        1.0, 2.0, 4.0, 8.0, 256.0, MOST_SECONDS, MOST_SECONDS,
    ]  # fmt: skip


@given(st.integers(-5, 10**6), st.floats(0, 1, exclude_max=True), st.floats(1, 3600))
def test_a_wait_is_at_least_half_of_its_longest_and_never_over_the_most(
    failures: int, chance: float, most: float
) -> None:
    wait = backoff_seconds(failures, chance, most)
    assert 0.5 <= wait <= most
    assert wait >= backoff_seconds(failures, 1.0, most) / 2


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 5000, RETRY_AFTER_MOST_SECONDS),
        ("86400", RETRY_AFTER_MOST_SECONDS),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2022 22:13:50 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("", None),
        ("١٢", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, NOW) == seconds


@given(st.text(max_size=60))
def test_no_header_is_too_odd(header: str) -> None:
    found = retry_after_seconds(header, NOW)
    assert found is None or 0 <= found <= RETRY_AFTER_MOST_SECONDS
