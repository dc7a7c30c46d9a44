"""Turns: at most so many devices of a group begin a release at once, by the fleet's leave (ADR 0023)."""

from __future__ import annotations

from typing import Final

from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Assignment, Grant, Rule, Target
from pyvorin_edge.vocabulary import RuleKind

CAN_TURNS: Final = "turns"
"""In a report's `caps`: an agent that waits for turns; one without it refuses a directive that has them."""


def lacks_turn(target: Target, assignment: Assignment | None, running: Digest | None) -> bool:
    """Whether a device that runs this release (none = the provisioned config) waits for its turn. Asked by both sides.

    A rollback, a pin and the first release of all wait for none. A turn of another release or attempt is none.
    """
    if not target.turn or target.kind is RuleKind.ROLLBACK or running is None:
        return False
    return assignment is None or assignment.turn != turn_for(target)


def turn_for(target: Target) -> Grant:
    """What an assignment must carry so that its device begins this target."""
    return Grant(release=target.release, attempt=target.attempt)


def crit_of(rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """What a directive of these rules must name in `crit`: an agent that knew no turns would not wait for one."""
    return ("turn",) if any(rule.turn for rule in rules) else ()
