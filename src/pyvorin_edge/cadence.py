"""When to report, when silence is loss, how to come back, how fast to fetch (PROTOCOL 5 rule 12, 6).

Chance comes in as 0 … 1.
"""

from __future__ import annotations

from typing import Final

from pyvorin_edge.orders import Pace

RECONNECT_MAX_SECONDS: Final = 600.0
RECONNECT_BASE_SECONDS: Final = 1.0
LOST_GRACE_SECONDS: Final = 5.0
WILL_SETTLE_SECONDS: Final = 0.5


def lost_after_seconds(pace: Pace) -> float:
    """Silence after which a device is lost: three beats (without beats: reports) and 5 s."""
    return 3.0 * (pace.beat_seconds or pace.report_seconds) + LOST_GRACE_SECONDS


def will_grace_seconds(pace: Pace) -> float:
    """For so long after the controller's own connection came back, a will does not count."""
    return pace.reconnect_seconds + 1.5 * pace.keepalive_seconds


def first_delay_seconds(reconnect_seconds: float, chance: float) -> float:
    """Rule 12: the first reconnect delay is uniform over `reconnect_seconds`."""
    return reconnect_seconds * chance


def next_delay_seconds(previous_seconds: float, chance: float) -> float:
    """Rule 12: then decorrelated jitter, up to 10 minutes."""
    highest = max(RECONNECT_BASE_SECONDS, previous_seconds * 3.0)
    return min(RECONNECT_MAX_SECONDS, RECONNECT_BASE_SECONDS + (highest - RECONNECT_BASE_SECONDS) * chance)


def slower(*bytes_per_second: int) -> int:
    """The lowest of several limits; 0 = no limit."""
    return min((limit for limit in bytes_per_second if limit > 0), default=0)


def fleet_reconnect_seconds(devices: int) -> int:
    """What the controller sets as `reconnect_seconds`: max(5, devices / 500)."""
    return max(5, devices // 500)
