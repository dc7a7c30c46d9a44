"""One round under one rule: what was read of some devices → what stands then, what is raised, what is resolved. Pure.

First the outages are counted, then each device steps, knowing whether one alert for its label value covers it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from pyv_fleet.core.alert_facts import Reading
from pyv_fleet.core.alert_rules import AlertRule
from pyv_fleet.core.alerts import RAISED, Hold, Move, step
from pyv_fleet.core.outages import Outage, Tally, tally
from pyv_fleet.core.words import HoldState


class Held(NamedTuple):
    """What stands for a device, and its value of the label that its rule correlates by ("" = it has none)."""

    hold: Hold
    value: str = ""


class Looked(NamedTuple):
    """What was read of a device."""

    device_id: str
    reading: Reading
    value: str = ""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What changes. By device: what stands now, none = nothing any more; by label value: how its count went."""

    holds: dict[str, Held | None]
    raised: tuple[str, ...]
    resolved: tuple[str, ...]
    tallies: dict[str, Tally]


def value_of(rule: AlertRule, labels: Mapping[str, str]) -> str:
    """The label value that a device is correlated by."""
    return "" if rule.correlate is None else labels.get(rule.correlate.label, "")


def restless(rule: AlertRule, held: Mapping[str, Held], outages: Mapping[str, Outage]) -> set[str]:
    """Label values that time alone can change: suspected outages, and those that are about to end."""
    if rule.correlate is None:
        return set()
    found = {value for value, outage in outages.items() if outage.state is HoldState.CLEARING}
    return found | {
        one.value for one in held.values() if one.hold.state is HoldState.COVERED and one.value not in outages
    }


def to_count(
    rule: AlertRule, held: Mapping[str, Held], outages: Mapping[str, Outage], looked: Sequence[Looked], now_ms: int
) -> dict[str, list[int]]:
    """Label values of which one must know how many devices they have; since when each one's condition holds."""
    if rule.correlate is None:
        return {value: [] for value in outages}
    touched = restless(rule, held, outages) | {one.value for one in looked}
    touched |= {held[one.device_id].value for one in looked if one.device_id in held}
    down = _down(held, looked, now_ms)
    least = rule.correlate.at_least
    suspects = {value for value in touched if len(down.get(value, ())) >= least or value in outages}
    suspects |= touched & restless(rule, held, outages)
    return {value: list(down.get(value, {}).values()) for value in suspects}


def round_of(
    rule: AlertRule,
    held: Mapping[str, Held],
    outages: Mapping[str, Outage],
    looked: Sequence[Looked],
    totals: Mapping[str, int],
    now_ms: int,
) -> Round:
    """`totals`: how many devices each value of `to_count` has."""
    counted = to_count(rule, held, outages, looked, now_ms)
    tallies = {
        value: tally(rule, outages.get(value), since, max(0, totals.get(value, 0) - len(since)), now_ms)
        for value, since in counted.items()
    }
    standing = {value: Tally(outage=one, covers_since=one.onset) for value, one in outages.items()}
    known = standing | tallies
    holds: dict[str, Held | None] = {}
    raised, resolved = [], []
    for one in _all_looked(held, looked, tallies):
        before = held.get(one.device_id)
        hold = None if before is None else before.hold
        stepped = step(rule, hold, one.reading, now_ms, covered=_covered(known.get(one.value), hold, now_ms))
        after = None if stepped.hold is None else Held(stepped.hold, one.value)
        if after != before:
            holds[one.device_id] = after
        if stepped.move is Move.RAISE:
            raised.append(one.device_id)
        elif stepped.move is Move.RESOLVE:
            resolved.append(one.device_id)
    return Round(holds=holds, raised=tuple(raised), resolved=tuple(resolved), tallies=tallies)


def _down(held: Mapping[str, Held], looked: Sequence[Looked], now_ms: int) -> dict[str, dict[str, int]]:
    """By label value: devices whose condition holds, since when."""
    found: dict[str, dict[str, int]] = {}
    for device_id, one in held.items():
        if one.hold.state is not HoldState.CLEARING:
            found.setdefault(one.value, {})[device_id] = one.hold.since
    for look in looked:
        before = held.get(look.device_id)
        if before is not None and not _stays(before.hold, look.reading):
            found.get(before.value, {}).pop(look.device_id, None)
        if look.reading is Reading.HOLDS:
            since = now_ms if before is None else before.hold.since
            found.setdefault(look.value, {})[look.device_id] = since
    return found


def _stays(hold: Hold, reading: Reading) -> bool:
    return reading is Reading.UNHEARD or (reading is Reading.OPEN and hold.state is not HoldState.PENDING)


def _all_looked(held: Mapping[str, Held], looked: Sequence[Looked], tallies: Mapping[str, Tally]) -> Iterable[Looked]:
    """Those that were read, and the others of values that were counted: nothing new is known of them."""
    yield from looked
    read = {one.device_id for one in looked}
    for device_id, one in held.items():
        if one.value in tallies and device_id not in read and one.hold.state is not HoldState.CLEARING:
            yield Looked(device_id, Reading.HOLDS, one.value)


def _covered(tally: Tally | None, hold: Hold | None, now_ms: int) -> bool:
    """By an outage; by a mere suspicion only if its own alert is not raised yet."""
    if tally is None or tally.covers_since is None:
        return False
    since = now_ms if hold is None else hold.since
    return since >= tally.covers_since and (tally.outage is not None or hold is None or hold.state not in RAISED)
