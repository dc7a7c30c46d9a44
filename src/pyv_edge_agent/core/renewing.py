"""When a device renews its certificate (PROTOCOL 2). No clock here: times come in as Unix ms."""

from __future__ import annotations

from typing import Final

from pyvorin_edge import cadence

#: of its life, after which it is renewed
RENEW_AFTER: Final = 2 / 3
#: the first try after one that failed, and the longest; jitter between
RETRY_SECONDS: Final = 60.0
RETRY_SECONDS_MAX: Final = 6 * 3600.0


def renew_at(not_before: int, not_after: int) -> int:
    """Unix ms from which on it is renewed: two thirds of its life."""
    return not_before + int((not_after - not_before) * RENEW_AFTER)


def next_retry_seconds(previous_seconds: float | None, chance: float) -> float:
    """Decorrelated jitter, so that a fleet enrolled on one day does not come back in one minute."""
    if previous_seconds is None:
        return RETRY_SECONDS * (1.0 + chance)
    grown = cadence.RECONNECT_BASE_SECONDS + (previous_seconds * 3.0 - cadence.RECONNECT_BASE_SECONDS) * chance
    return min(RETRY_SECONDS_MAX, max(RETRY_SECONDS, grown))
