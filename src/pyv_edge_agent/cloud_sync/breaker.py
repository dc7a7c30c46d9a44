"""The circuit breaker: after a failure nothing is sent until its time, then one batch is tried. Pure.

Times are seconds of a clock that is never set (boot time).
"""

from __future__ import annotations

from typing import Final

import msgspec

from pyv_edge_agent.cloud_sync.backoff import MOST_SECONDS, backoff_seconds
from pyv_edge_agent.cloud_sync.interface import Answer, Outcome
from pyvorin_edge.vocabulary import BreakerState

#: A wrong key or address does not mend itself in a second.
DENIED_LEAST_SECONDS: Final = 60.0
#: So many items refused one after the other and none taken: then it is not the items.
REFUSED_IN_A_ROW_MAX: Final = 16
#: A Retry-After is stretched by chance, by at most so much: a fleet told the same must not come back at once.
STRETCH_MOST_SECONDS: Final = 30.0


class Breaker(msgspec.Struct, frozen=True):
    """What the last tries came to; the default is a closed one."""

    #: failures since the last batch that was taken
    failures: int = 0
    #: single items refused since then
    refused: int = 0
    #: nothing is sent before this second
    until: float = 0.0
    #: why it is open; empty while it is closed
    reason: str = ""


def state_of(breaker: Breaker, seconds: float) -> BreakerState:
    """Closed, open, or open and due for a try."""
    if not breaker.reason:
        return BreakerState.CLOSED
    return BreakerState.OPEN if seconds < breaker.until else BreakerState.HALF_OPEN


def after_failure(
    breaker: Breaker, answer: Answer, seconds: float, chance: float, most_seconds: float = MOST_SECONDS
) -> Breaker:
    """Open, for longer with each failure; for as long as the cloud asked, if it did."""
    wait = answer.retry_after_seconds
    if wait is None:
        wait = backoff_seconds(breaker.failures, chance, most_seconds)
        if answer.outcome is Outcome.DENIED:
            wait = max(wait, DENIED_LEAST_SECONDS)
    else:
        wait += chance * min(wait, STRETCH_MOST_SECONDS)
    return Breaker(breaker.failures + 1, breaker.refused, seconds + wait, answer.reason or "the upload failed")


def after_refusal(
    breaker: Breaker, answer: Answer, seconds: float, chance: float, most_seconds: float = MOST_SECONDS
) -> Breaker:
    """A single item was refused: the next may go at once, unless the cloud refuses one after the other."""
    counted = msgspec.structs.replace(breaker, refused=breaker.refused + 1)
    if counted.refused < REFUSED_IN_A_ROW_MAX:
        return counted
    why = msgspec.structs.replace(answer, reason=f"it refuses every item: {answer.reason}")
    return after_failure(counted, why, seconds, chance, most_seconds)
