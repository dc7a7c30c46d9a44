"""What stands in the way of a wave is said, a person's part first."""

from __future__ import annotations

import datetime as dt

from pyv_fleet.core.clearance import obstacle
from pyv_fleet.core.policy import Freeze
from pyv_fleet.core.rollout_events import Started
from unit.pyv_fleet.core.test_rollout import after, rollout

FREEZE = Freeze(
    begins_at=dt.datetime.fromtimestamp(10, dt.UTC), ends_at=dt.datetime.fromtimestamp(20, dt.UTC), reason="holidays"
)


def test_nothing_in_the_way_is_none() -> None:
    assert obstacle(after(rollout(), Started), [FREEZE], 1_000) is None


def test_an_approval_is_asked_for_with_the_command_that_gives_it() -> None:
    said = obstacle(after(rollout(approvals=2), Started), [], 0)
    assert said == "wave 1 of 2 waits: 2 people must approve (pyv-fleet rollout approve r)"


def test_a_start_that_is_not_yet_is_waited_for() -> None:
    at = after(rollout(start_at=5_000), Started)
    assert "waits for its start at 1970-01-01T00:00:05" in (obstacle(at, [], 4_999) or "")
    assert obstacle(at, [], 5_000) is None


def test_a_freeze_holds_all_but_an_emergency() -> None:
    said = obstacle(after(rollout(), Started), [FREEZE], 15_000)
    assert said == "wave 1 of 2 waits: stable is frozen until 1970-01-01T00:00:20+00:00: holidays"
    assert obstacle(after(rollout(emergency=True), Started), [FREEZE], 15_000) is None
