"""How a device lags: on its way, late, or tried without success (PROTOCOL 7); counted from when it was told to go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Assignment, Directive, Target, golden
from pyvorin_edge.vocabulary import LagKind, WaitingFor

OVERDUE_SECONDS: Final = 900
"""What a channel begins with: a device that was told so long ago, and does not wait as it was told to, is late."""
AS_TOLD: Final = (WaitingFor.WINDOW, WaitingFor.LOCK, WaitingFor.SPREAD, WaitingFor.TURN)
"""A device that waits for one of these does what it was told: nobody can call it late."""


def golden_since(
    device_id: str, directives: Sequence[Directive], assignment: Assignment, held: frozenset[Digest], target: Target
) -> int:
    """Unix ms from which on a device was told to go to `target`, which is golden now.

    `directives` of its channel, the newest first; as far back as they go. A refresh, changed terms or the next wave
    make a new directive with the same golden: the deadline does not begin anew with them. A new overlay or pin is told
    by the assignment.
    """
    since = directives[0].issued_at if directives else 0
    for directive in directives:
        was = golden(device_id, directive, assignment, held)
        if was is None or not was.same_as(target) or was.attempt != target.attempt:
            break
        since = directive.issued_at
    return max(since, assignment.issued_at)


def lag_kind(
    *,
    failed: bool,
    waiting_for: WaitingFor | None,
    told_at: int,
    spread_seconds: int,
    overdue_seconds: int,
    now_ms: int,
) -> LagKind:
    """The kind of a device that lags; `told_at` and `now_ms` are Unix ms."""
    if failed:
        return LagKind.FAILED
    if waiting_for in AS_TOLD:
        return LagKind.PENDING
    late_at = told_at + (spread_seconds + overdue_seconds) * 1000
    return LagKind.OVERDUE if now_ms > late_at else LagKind.PENDING
