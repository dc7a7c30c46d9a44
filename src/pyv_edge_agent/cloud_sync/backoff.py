"""How long to wait after a failure: exponential, capped, jittered; the cloud's own Retry-After goes before. Pure."""

from __future__ import annotations

import email.utils
from typing import Final

FIRST_SECONDS: Final = 1.0
MOST_SECONDS: Final = 300.0
#: A longer Retry-After is cut to this: a wrong header must not silence a device for good.
RETRY_AFTER_MOST_SECONDS: Final = 3600.0
_DOUBLINGS_MOST: Final = 32


def backoff_seconds(failures: int, chance: float, most: float = MOST_SECONDS) -> float:
    """Seconds to wait after that many failures before this one: 1, 2, 4 … `most`, of which half is left to `chance`.

    `chance` in [0, 1): a fleet that failed together must not come back together.
    """
    longest = min(most, FIRST_SECONDS * 2.0 ** min(max(failures, 0), _DOUBLINGS_MOST))
    return longest * (0.5 + chance / 2)


def retry_after_seconds(header: str | None, now: float) -> float | None:
    """What a Retry-After header asks for, in seconds from `now` (Unix): a number or an HTTP date; none if neither."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        # a number of thousands of digits is longer than the most, and too long for int()
        return RETRY_AFTER_MOST_SECONDS if len(text) > 9 else min(float(text), RETRY_AFTER_MOST_SECONDS)
    try:
        until = email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(0.0, until - now), RETRY_AFTER_MOST_SECONDS)
