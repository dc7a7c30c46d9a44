"""Lag: pending until its deadline, overdue after it, failed once tried; refreshes and later waves give no time."""

from __future__ import annotations

import msgspec
import pytest

from pyv_fleet.core.lag import golden_since, lag_kind
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName
from pyvorin_edge.orders import EMPTY_OVERLAY, Assignment, Directive, DriftTerms, Pace, Rule, Target
from pyvorin_edge.vocabulary import LagKind, RuleKind, WaitingFor

OLD, NEW = Digest("a" * 64), Digest("b" * 64)


def order(at: int, release: str, *, attempt: int = 1) -> Directive:
    rule = Rule(kind=RuleKind.RELEASE, release=Digest(release), attempt=attempt)
    return Directive(
        v=1, fleet=FleetName("f"), channel=ChannelName("stable"), epoch=1, generation=at + 1, rules=(rule,),
        pace=Pace(), drift=DriftTerms(), issued_at=at, expires_at=at + 1, reason="r", issued_by="me",
    )  # fmt: skip


def assigned(at: int = 0) -> Assignment:
    return Assignment(
        v=1, fleet=FleetName("f"), epoch=1, device_id=DeviceId("d"), number=1, channel=ChannelName("stable"),
        issued_at=at, issued_by="me",
    )  # fmt: skip


def since(*directives: Directive, assignment: Assignment | None = None, attempt: int = 1) -> int:
    target = Target(release=NEW, overlay=EMPTY_OVERLAY, attempt=attempt, kind=RuleKind.RELEASE)
    return golden_since("d", directives, assignment or assigned(), frozenset(), target)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (since(order(50, NEW), order(10, OLD)), 50),
        (since(order(90, NEW), order(70, NEW), order(50, NEW), order(10, OLD)), 50),
        (since(order(90, NEW, attempt=2), order(50, NEW), attempt=2), 90),
        (since(order(90, NEW), order(50, OLD), order(10, NEW)), 90),
        (since(order(50, NEW), assignment=assigned(at=60)), 60),
        (since(assignment=assigned(at=60)), 60),
    ],
    ids=["told", "refreshed", "a new attempt", "went and came back", "a new overlay", "no directive"],
)
def test_a_device_was_told_when_its_golden_last_became_another(found: int, expected: int) -> None:
    assert found == expected


def kind(**terms: object) -> LagKind:
    base = {
        "failed": False, "waiting_for": None, "told_at": 0, "spread_seconds": 0, "overdue_seconds": 10, "now_ms": 10_000
    }  # fmt: skip
    return lag_kind(**msgspec.convert({**base, **terms}, dict))


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({}, LagKind.PENDING),
        ({"now_ms": 10_001}, LagKind.OVERDUE),
        ({"now_ms": 10_001, "spread_seconds": 5}, LagKind.PENDING),
        ({"now_ms": 10_001, "waiting_for": WaitingFor.WINDOW}, LagKind.PENDING),
        ({"now_ms": 10_001, "waiting_for": WaitingFor.DISK}, LagKind.OVERDUE),
        ({"now_ms": 10_001, "waiting_for": WaitingFor.LOCK, "failed": True}, LagKind.FAILED),
    ],
)
def test_late_is_who_was_told_long_ago_and_does_not_wait_as_told(terms: dict[str, object], expected: LagKind) -> None:
    assert kind(**terms) is expected
