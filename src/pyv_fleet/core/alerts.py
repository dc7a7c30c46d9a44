"""The state machine of alerts: (rule, what stands, what is read, the time) → what stands then, and what is raised.

One device under one rule is quiet, pending, firing, clearing or covered. What stands is data, so a restart changes
nothing. Between a limit and where it is over nothing moves: no figure that trembles at its limit makes an alert flap.
"""

from __future__ import annotations

import enum
from typing import Final

import msgspec

from pyv_fleet.core.alert_facts import Reading
from pyv_fleet.core.alert_rules import AlertRule
from pyv_fleet.core.words import HoldState

RAISED: Final = frozenset({HoldState.FIRING, HoldState.CLEARING})


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """What stands for one subject under one rule; nothing stands for one that is quiet. Unix ms."""

    state: HoldState
    #: since when its condition holds
    since: int
    #: when it came into this state
    at: int


class Move(enum.Enum):
    """What becomes of its alert."""

    RAISE = enum.auto()
    RESOLVE = enum.auto()


class Step(msgspec.Struct, frozen=True):
    """What stands after a step; none = it is quiet."""

    hold: Hold | None
    move: Move | None = None


def step(rule: AlertRule, hold: Hold | None, reading: Reading, now_ms: int, *, covered: bool = False) -> Step:
    """One look at one device. `covered`: one alert for its group says it already, or is about to."""
    match reading:
        case Reading.UNHEARD:
            return Step(hold)
        case Reading.NOT_MEANT:
            return _quiet(hold)
        case Reading.HOLDS:
            return _holds(rule, hold, now_ms, covered)
        case Reading.OVER:
            return _over(rule, hold, now_ms)
        case Reading.OPEN:
            return _open(hold, now_ms)


def due_ms(rule: AlertRule, hold: Hold | None) -> int | None:
    """When it must be looked at again though nothing was heard; none = never."""
    match None if hold is None else hold.state:
        case HoldState.PENDING:
            return hold.since + rule.for_seconds * 1000 if hold else None
        case HoldState.CLEARING:
            return hold.at + rule.clear_for_seconds * 1000 if hold else None
        case _:
            return None


def _holds(rule: AlertRule, hold: Hold | None, now_ms: int, covered: bool) -> Step:
    if hold is None:
        hold = Hold(state=HoldState.PENDING, since=now_ms, at=now_ms)
    match hold.state:
        case HoldState.PENDING | HoldState.COVERED:
            ripe = now_ms - hold.since >= rule.for_seconds * 1000
            if covered:
                return Step(_in(hold, HoldState.COVERED, now_ms))
            if ripe:
                return Step(_in(hold, HoldState.FIRING, now_ms), Move.RAISE)
            return Step(_in(hold, HoldState.PENDING, now_ms))
        case _ if covered:
            return Step(_in(hold, HoldState.COVERED, now_ms), Move.RESOLVE)
        case _:
            return Step(_in(hold, HoldState.FIRING, now_ms))


def _over(rule: AlertRule, hold: Hold | None, now_ms: int) -> Step:
    if hold is None or hold.state not in RAISED:
        return Step(None)
    hold = _in(hold, HoldState.CLEARING, now_ms)
    if now_ms - hold.at >= rule.clear_for_seconds * 1000:
        return Step(None, Move.RESOLVE)
    return Step(hold)


def _open(hold: Hold | None, now_ms: int) -> Step:
    """Not known, or in between: what was about to begin did not, what was about to end does not."""
    if hold is None or hold.state is HoldState.PENDING:
        return Step(None)
    return Step(_in(hold, HoldState.FIRING, now_ms) if hold.state is HoldState.CLEARING else hold)


def _quiet(hold: Hold | None) -> Step:
    return Step(None, Move.RESOLVE if hold is not None and hold.state in RAISED else None)


def _in(hold: Hold, state: HoldState, now_ms: int) -> Hold:
    return hold if hold.state is state else msgspec.structs.replace(hold, state=state, at=now_ms)
