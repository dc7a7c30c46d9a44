"""What stands in the way of a rollout's next wave: approvals, its start, a freeze."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from pyv_fleet.core.policy import Freeze
from pyv_fleet.core.rollout import Rollout, approvals_missing


def obstacle(at: Rollout, freezes: Sequence[Freeze], now: int) -> str | None:
    """What keeps the next wave from opening now (Unix ms), in a sentence; none = it may.

    An emergency passes a freeze, never an approval. What a person must do comes first: he is to be called at once.
    """
    wave = f"wave {at.wave + 1} of {len(at.plan.waves)}"
    missing = approvals_missing(at)
    if missing:
        who = "another person" if at.plan.approvals else "a person"
        people = f"{who} must approve" if missing == 1 else f"{missing} people must approve"
        return f"{wave} waits: {people} (pyv-fleet rollout approve {at.plan.id})"
    if at.plan.start_at is not None and at.wave == 0 and now < at.plan.start_at:
        return f"{wave} waits for its start at {_moment(at.plan.start_at)}"
    frozen = next((freeze for freeze in freezes if freeze.holds_at(now)), None)
    if frozen is not None and not at.plan.emergency:
        return f"{wave} waits: {at.plan.channel} is frozen until {frozen.ends_at.isoformat()}: {frozen.reason}"
    return None


def _moment(at_ms: int) -> str:
    return dt.datetime.fromtimestamp(at_ms // 1000, dt.UTC).isoformat()
