"""How long the fleet is tried to be reached counts over restarts: what is spent is durable each half minute (rule 7).

It is counted in uptime, so that no clock is asked. A start has a least time of its own: connecting takes some.
"""

from __future__ import annotations

from typing import Final

KEPT_SECONDS: Final = 30.0
LEAST_SECONDS: Final = 60.0


def begun_at(up: float, spent_seconds: float, limit_seconds: float) -> float:
    """Uptime at which it would have begun, had the time spent before this start been spent in it."""
    return up - max(0.0, min(spent_seconds, limit_seconds - LEAST_SECONDS))


def keep_at(since: float, kept_seconds: float) -> float:
    """Uptime at which what is spent is worth a write."""
    return since + kept_seconds + KEPT_SECONDS
