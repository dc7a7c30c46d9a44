"""Turns: who waits for one, and which grant ends the wait."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pyvorin_edge.identity import DeviceId, Digest, FleetName
from pyvorin_edge.orders import EMPTY_OVERLAY, Assignment, Grant, Rule, Target
from pyvorin_edge.turns import crit_of, lacks_turn, turn_for
from pyvorin_edge.vocabulary import RuleKind

NEW, OLD = Digest("aa" * 32), Digest("bb" * 32)
TARGET = Target(release=NEW, overlay=EMPTY_OVERLAY, attempt=2, kind=RuleKind.RELEASE, turn=True)
RULE = Rule(kind=RuleKind.RELEASE, release=NEW, attempt=2)


def assigned(turn: Grant | None) -> Assignment:
    return Assignment(
        v=1,
        fleet=FleetName("acme"),
        epoch=1,
        device_id=DeviceId("demo-1"),
        number=1,
        channel="stable",  # type: ignore[arg-type]
        issued_at=1,
        issued_by="ann",
        turn=turn,
    )


def test_a_device_begins_in_its_own_turn() -> None:
    assert lacks_turn(TARGET, assigned(None), OLD)
    assert lacks_turn(TARGET, None, OLD)
    assert not lacks_turn(TARGET, assigned(turn_for(TARGET)), OLD)


@pytest.mark.parametrize("other", [Grant(release=OLD, attempt=2), Grant(release=NEW, attempt=1)])
def test_a_turn_of_another_release_or_attempt_is_none(other: Grant) -> None:
    assert lacks_turn(TARGET, assigned(other), OLD)


@pytest.mark.parametrize("free", [replace(TARGET, turn=False), replace(TARGET, kind=RuleKind.ROLLBACK)])
def test_without_turns_and_for_a_rollback_nobody_waits(free: Target) -> None:
    assert not lacks_turn(free, assigned(None), OLD)


def test_the_first_release_of_all_waits_for_no_turn() -> None:
    assert not lacks_turn(TARGET, assigned(None), None)


def test_a_directive_with_turns_must_be_understood() -> None:
    assert crit_of((RULE, replace(RULE, turn=True))) == ("turn",)
    assert crit_of((RULE,)) == ()
