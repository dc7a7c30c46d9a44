"""Turns: who may begin a release now, so that at most k of each value of a label are at it (ADR 0023, 0029). Pure.

Counted is who may be at work on a release, or may begin at any moment: a device that was given a turn, until it said
that it runs what the turn was for, or that it heard that the turn is over; and who works without one (a rollback, a
pin). So a turn whose device is merely slow to answer is never given twice. Only silence for longer than the herd allows
lets another device go: then the one that fell silent may still be at work, unseen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from pyv_fleet.core.policy import Herd
from pyv_fleet.core.words import TurnFate
from pyvorin_edge.vocabulary import Phase, WaitingFor

AT_WORK: Final = frozenset({Phase.FETCHING, Phase.STAGING, Phase.SWITCHING, Phase.PROVING, Phase.REVERTING})

#: A short wait of a device that has its turn: it begins as soon as that is over.
SHORT_WAITS: Final = frozenset({WaitingFor.SETTLE, WaitingFor.LINK, WaitingFor.SPREAD})


class Flight(msgspec.Struct, frozen=True, kw_only=True):
    """A device that holds a turn, or is at work without one, by its own last word."""

    device_id: str
    #: of the herd's label; none = it has none
    value: str | None
    #: it was given a turn, and is not known to be through with it
    holds: bool
    #: its assignment carries the turn; else it was taken back
    granted: bool
    #: it said that it has this assignment
    heard: bool
    #: it said that it runs what the turn is for, committed
    done: bool
    phase: Phase | None
    waiting_for: WaitingFor | None = None
    #: for how long nothing was heard of it; 0 while it is online
    silent_seconds: float = 0.0
    #: for how long it could have heard of its assignment and has not said that it did; 0 once it has
    deaf_seconds: float = 0.0


class Asking(msgspec.Struct, frozen=True):
    """A device that is online, has heard all that it was told, and says that it waits for its turn."""

    device_id: str
    value: str | None
    #: Unix ms
    since: int


def fate(one: Flight, herd: Herd) -> TurnFate:
    """What becomes of its turn now."""
    if max(one.silent_seconds, one.deaf_seconds) > herd.silent_seconds:
        return TurnFate.FORGOTTEN
    if one.phase in AT_WORK or not one.heard or not one.holds:
        return TurnFate.KEPT
    if one.done:
        return TurnFate.USED
    if not one.granted:
        return TurnFate.ENDED
    soon = one.phase is Phase.WAITING and one.waiting_for in SHORT_WAITS
    return TurnFate.KEPT if soon else TurnFate.TAKEN_BACK


def counted(flights: Iterable[Flight], herd: Herd) -> Counter[str | None]:
    """How many devices of each value are at it, or may be."""
    return Counter(one.value for one in flights if fate(one, herd) in (TurnFate.KEPT, TurnFate.TAKEN_BACK))


def next_turns(
    herd: Herd, at_work: Counter[str | None], asking: Iterable[Asking], entitled: Callable[[str], bool]
) -> tuple[str, ...]:
    """Who is given a turn, who has waited longest first; `entitled`: whether the orders in force give it one.

    `entitled` is asked only of those for whom there is room.
    """
    taken, given = Counter(at_work), []
    for one in sorted(asking, key=lambda one: (one.since, one.device_id)):
        if taken[one.value] < herd.at_once and entitled(one.device_id):
            taken[one.value] += 1
            given.append(one.device_id)
    return tuple(given)


def value_of(labels: dict[str, str], herd: Herd) -> str | None:
    """A device's value of the herd's label; one group for all without a label, and one for who lacks it."""
    return None if herd.label is None else labels.get(herd.label)


def rounds(values: Iterable[str | None], herd: Herd | None) -> int:
    """How many turns one after the other these devices need at least: what the largest group needs."""
    if herd is None:
        return 1
    return max((-(-count // herd.at_once) for count in Counter(values).values()), default=1)
