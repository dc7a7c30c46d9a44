"""Single devices get their values one first, then a few at a time; who is ill stops it, who is away does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pyv_fleet.core.assigning import Given, bad, rested, standing_of, steps
from pyv_fleet.core.views import AssignmentView
from pyv_fleet.core.words import MemberStanding
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, LagKind, Phase
from running.faces import device

IDS = st.sets(st.text("abcdef", min_size=1, max_size=3))


def told(*, heard: bool = True) -> AssignmentView:
    return AssignmentView(
        device_id="FLEET-1", channel="stable", number=2, min_generation=0, labels={}, own_labels={}, overlay={},
        own_overlay={}, sources={}, groups=(), pin=None, tz="UTC", quarantined=False, published=True, heard=heard,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "heard", "lag", "standing"),
    [
        ({}, True, None, MemberStanding.COMMITTED),
        ({}, False, None, MemberStanding.APPLYING),
        ({"phase": Phase.PROVING}, True, None, MemberStanding.APPLYING),
        ({}, True, LagKind.PENDING, MemberStanding.APPLYING),
        ({}, True, LagKind.FAILED, MemberStanding.FAILED),
        ({"health_status": HealthStatus.UNHEALTHY}, True, None, MemberStanding.UNHEALTHY),
        ({"connectivity": Connectivity.OFFLINE}, False, LagKind.PENDING, MemberStanding.DEFERRED),
    ],
)
def test_how_a_device_does(changes: dict[str, Any], heard: bool, lag: LagKind | None, standing: MemberStanding) -> None:
    seen = device("FLEET-1", **changes)
    assert standing_of(replace(seen, drift=replace(seen.drift, lag=lag)), told(heard=heard)) is standing


def test_who_is_ill_stops_it_and_who_is_away_does_not() -> None:
    done = [Given("a", MemberStanding.COMMITTED), Given("b", MemberStanding.DEFERRED)]
    assert rested(done)
    assert bad(done) == ()
    assert not rested([*done, Given("c", MemberStanding.APPLYING)])
    assert bad([*done, Given("c", MemberStanding.FAILED), Given("d", MemberStanding.UNHEALTHY)]) == ("c", "d")


@given(IDS, IDS, st.integers(1, 5))
def test_everyone_has_a_turn_one_goes_first_and_no_step_is_too_large(
    everyone: set[str], online: set[str], at_once: int
) -> None:
    made = steps(sorted(everyone), frozenset(online), at_once)
    flat = [one for step in made for one in step]
    assert sorted(flat) == sorted(everyone)
    assert not made or len(made[0]) == 1
    assert all(len(step) <= at_once for step in made[1:])
    assert flat == sorted(flat, key=lambda one: one not in online)
