"""Healing that has stopped is told of; what nobody said is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from pyv_fleet.core.healing import answered, policy_of, unhealed
from pyvorin_edge.vocabulary import Connectivity, DriftKind, DriftPolicy, Phase, Standing

EDITED: dict[str, Any] = {
    "policy": DriftPolicy.REMEDIATE, "standing": Standing.DRIFTED, "kinds": (DriftKind.EDITED,),
    "phase": Phase.SETTLED, "connectivity": Connectivity.ONLINE, "since_ms": 0, "now_ms": 180_001,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"standing": Standing.BOTH}, True),
        ({"now_ms": 180_000}, False),
        ({"policy": DriftPolicy.ALERT}, False),
        ({"standing": Standing.UNKNOWN}, False),
        ({"kinds": (DriftKind.ENVIRONMENT,)}, False),
        ({"phase": Phase.PROVING}, False),
        ({"connectivity": Connectivity.LOST}, False),
    ],
)
def test_who_is_to_heal_and_has_not_for_three_minutes_has_given_up(changed: dict[str, Any], expected: bool) -> None:
    assert unhealed(**{**EDITED, **changed}) is expected


def test_a_groups_policy_comes_before_the_channels() -> None:
    assert policy_of(DriftPolicy.ALERT, DriftPolicy.REMEDIATE) is DriftPolicy.ALERT
    assert policy_of(None, DriftPolicy.REMEDIATE) is DriftPolicy.REMEDIATE


@pytest.mark.parametrize(
    ("standing", "reported_at", "expected"),
    [
        (Standing.IN_STEP, 11, True),
        (Standing.LAGGING, 11, True),
        (Standing.IN_STEP, 10, False),
        (Standing.IN_STEP, None, False),
        (Standing.DRIFTED, 11, False),
        (Standing.UNKNOWN, 11, False),
    ],
)
def test_only_a_later_report_answers_an_alert(standing: Standing, reported_at: int | None, expected: bool) -> None:
    assert answered(standing=standing, raised_at=10, reported_at=reported_at) is expected
