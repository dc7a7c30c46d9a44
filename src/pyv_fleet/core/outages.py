"""Many devices of one label value at once are one alert: a site that lost its uplink makes no storm. Pure.

Counted are devices whose condition began within the rule's time, against those of the value that are well: what has
been dead for weeks neither makes an outage nor hides one. While so many are down that it will be an outage if they stay
down, their single alerts are held back.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pyv_fleet.core.alert_rules import AlertRule, Correlate
from pyv_fleet.core.alerts import Move
from pyv_fleet.core.words import HoldState


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """What stands for one label value under one rule. Unix ms."""

    state: HoldState
    #: members are devices whose condition holds since then or later
    onset: int
    #: when it came into this state
    at: int


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """One look at one label value."""

    outage: Outage | None
    move: Move | None = None
    #: devices whose condition holds since then or later are covered; none = nobody is
    covers_since: int | None = None
    #: how many devices are covered, of how many
    down: int = 0
    of: int = 0


def tally(rule: AlertRule, outage: Outage | None, down_since: Sequence[int], well: int, now_ms: int) -> Tally:
    """`down_since`: since when the condition holds, of each of the value's devices for which it does; `well`: how many
    others there are."""
    terms = rule.correlate
    if terms is None:
        return Tally(outage=None, move=None if outage is None else Move.RESOLVE)
    return _begun(rule, terms, down_since, well, now_ms) if outage is None else _standing(
        rule, terms, outage, [one for one in down_since if one >= outage.onset], well, now_ms
    )  # fmt: skip


def due_ms(rule: AlertRule, outage: Outage | None) -> int | None:
    """When it must be looked at again though nothing was heard; none = never."""
    if outage is None or outage.state is not HoldState.CLEARING:
        return None
    return outage.at + rule.clear_for_seconds * 1000


def subject_of(label: str, value: str) -> str:
    """The subject of an outage's alert; a value that is too long for one is cut."""
    return f"{label}={value}" if len(label) + len(value) < 64 else f"{label}={value}"[:61] + "..."


def _begun(rule: AlertRule, terms: Correlate, down_since: Sequence[int], well: int, now_ms: int) -> Tally:
    onset = now_ms - terms.within_seconds * 1000
    fresh = [one for one in down_since if one >= onset]
    if not _is_one(terms, len(fresh), well):
        return Tally(outage=None)
    ripe = sum(now_ms - one >= rule.for_seconds * 1000 for one in fresh)
    found = Tally(outage=None, covers_since=onset, down=len(fresh), of=len(fresh) + well)
    if not _is_one(terms, ripe, well + len(fresh) - ripe):
        return found
    outage = Outage(state=HoldState.FIRING, onset=onset, at=now_ms)
    return msgspec.structs.replace(found, outage=outage, move=Move.RAISE)


def _standing(
    rule: AlertRule, terms: Correlate, outage: Outage, members: Sequence[int], well: int, now_ms: int
) -> Tally:
    down, of = len(members), len(members) + well
    found = Tally(outage=outage, covers_since=outage.onset, down=down, of=of)
    if down >= terms.at_least and down * 10_000 >= terms.clear_share_permyriad * of:
        return msgspec.structs.replace(found, outage=_in(outage, HoldState.FIRING, now_ms))
    outage = _in(outage, HoldState.CLEARING, now_ms)
    if now_ms - outage.at < rule.clear_for_seconds * 1000:
        return msgspec.structs.replace(found, outage=outage)
    return Tally(outage=None, move=Move.RESOLVE, down=down, of=of)


def _is_one(terms: Correlate, down: int, well: int) -> bool:
    return down >= terms.at_least and down * 10_000 >= terms.share_permyriad * (down + well)


def _in(outage: Outage, state: HoldState, now_ms: int) -> Outage:
    return outage if outage.state is state else msgspec.structs.replace(outage, state=state, at=now_ms)
