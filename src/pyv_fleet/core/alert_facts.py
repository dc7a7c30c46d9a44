"""What is known of one device, and what an alert rule makes of it. Pure.

What a device does not tell is no alert: its condition is then neither begun nor over (unless the rule says `absent`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from pyv_fleet.core.alert_rules import BEAT_FIGURES, AlertRule, Rate, State, Threshold
from pyv_fleet.core.attention import figure
from pyv_fleet.core.selectors import in_where
from pyv_fleet.core.words import DeviceCondition
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, LagKind, Standing

SAMPLES_MAX: Final = 16


class Reading(enum.Enum):
    """Whether a rule's condition holds for a device now."""

    #: it holds
    HOLDS = enum.auto()
    #: it does not
    OVER = enum.auto()
    #: between the limit and where it is over, or the device does not tell: what stands stays, nothing begins
    OPEN = enum.auto()
    #: nothing was heard of it since the controller listens: nothing changes at all, clocks run on
    UNHEARD = enum.auto()
    #: the rule is not for this device
    NOT_MEANT = enum.auto()


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One device. `lag` counts only where `lag_known`."""

    device_id: str
    channel: str
    labels: Mapping[str, str]
    connectivity: Connectivity
    health_status: HealthStatus = HealthStatus.UNKNOWN
    standing: Standing = Standing.UNKNOWN
    lag: LagKind | None = None
    lag_known: bool = False
    #: the five of every beat
    figures: Mapping[str, float | None] = {}
    #: the /health document
    health: Mapping[str, Any] = {}
    boot: int = 0
    #: heard since the controller listens
    heard: bool = True
    #: shut out: nothing of it is an alert
    quarantined: bool = False

    def figure(self, name: str) -> float | None:
        """A figure by its name in a rule; none if it does not tell it."""
        if name in BEAT_FIGURES:
            return self.figures.get(name)
        section, _, key = name.partition(".")
        return figure(self.health, section, key)


class Samples(msgspec.Struct, frozen=True):
    """A figure's recent values of one start of a device, oldest first: (Unix ms, value)."""

    boot: int = -1
    values: tuple[tuple[int, float], ...] = ()

    def rise(self, now_ms: int, within_seconds: int) -> float | None:
        """By how much it rose within the time up to now; none until so long was looked at."""
        before = [value for at, value in self.values if at <= now_ms - within_seconds * 1000]
        return None if not before else self.values[-1][1] - before[-1]


def sampled(samples: Samples, facts: Facts, rate: Rate, now_ms: int) -> Samples:
    """With the figure's value now. Kept are about sixteen of the time that is looked at and one from before it; a
    restarted agent counts anew."""
    value = facts.figure(rate.figure)
    if value is None:
        return samples
    values = samples.values if samples.boot == facts.boot else ()
    step = rate.within_seconds * 1000 // SAMPLES_MAX
    if len(values) >= 2 and values[-1][0] - values[-2][0] < step:
        values = values[:-1]
    values = (*values, (now_ms, value))
    edge = now_ms - rate.within_seconds * 1000
    too_old = sum(at <= edge for at, _ in values) - 1
    return Samples(facts.boot, values[max(0, too_old) :])


def reading(rule: AlertRule, facts: Facts, samples: Samples = Samples(), now_ms: int = 0) -> Reading:  # noqa: B008
    """What the rule says of the device."""
    if not meant(rule, facts):
        return Reading.NOT_MEANT
    if isinstance(rule.when, State):
        if not facts.heard and not rule.when.state.of_the_connection:
            return Reading.UNHEARD
        holds = _of_state(rule.when.state, facts)
        return _known(rule, None if holds is None else Reading.HOLDS if holds else Reading.OVER)
    if not facts.heard:
        return Reading.UNHEARD
    if facts.connectivity is not Connectivity.ONLINE:
        return _known(rule, None)
    rate = isinstance(rule.when, Rate)
    value = samples.rise(now_ms, rule.when.within_seconds) if rate else facts.figure(rule.when.figure)  # type: ignore[union-attr]
    return _known(rule, None if value is None else _of_value(rule.when, value))


def meant(rule: AlertRule, facts: Facts) -> bool:
    """Whether the rule is for the device at all."""
    if not rule.enabled or facts.quarantined or (rule.channel is not None and rule.channel != facts.channel):
        return False
    return in_where(rule.where, facts.labels)


def _known(rule: AlertRule, found: Reading | None) -> Reading:
    if found is not None:
        return found
    return Reading.HOLDS if rule.absent else Reading.OPEN


def _of_value(watched: Threshold | Rate, value: float) -> Reading:
    if watched.above is not None:
        clear = watched.above if watched.clear is None else watched.clear
        holds, over = value > watched.above, value <= clear
    else:
        limit = watched.below or 0.0
        clear = limit if watched.clear is None else watched.clear
        holds, over = value < limit, value >= clear
    return Reading.HOLDS if holds else Reading.OVER if over else Reading.OPEN


def _of_state(state: DeviceCondition, facts: Facts) -> bool | None:
    """None where it is not known."""
    if state.of_the_connection:
        return _of_connection(state, facts.connectivity)
    if facts.connectivity is not Connectivity.ONLINE:
        return None
    match state:
        case DeviceCondition.DRIFTED:
            known = facts.standing is not Standing.UNKNOWN
            return facts.standing in (Standing.DRIFTED, Standing.BOTH) if known else None
        case DeviceCondition.OVERDUE:
            return facts.lag is LagKind.OVERDUE if facts.lag_known else None
        case DeviceCondition.UPDATE_FAILED:
            return facts.lag is LagKind.FAILED if facts.lag_known else None
        case _:
            return _of_health(state, facts.health_status)


def _of_connection(state: DeviceCondition, connectivity: Connectivity) -> bool | None:
    if connectivity is Connectivity.NEVER_SEEN:
        return None
    match state:
        case DeviceCondition.OFFLINE:
            return connectivity is Connectivity.OFFLINE
        case DeviceCondition.LOST:
            return connectivity is Connectivity.LOST
        case _:
            return connectivity is not Connectivity.ONLINE


def _of_health(state: DeviceCondition, status: HealthStatus) -> bool | None:
    if status not in (HealthStatus.HEALTHY, HealthStatus.DEGRADED, HealthStatus.UNHEALTHY):
        return None
    if status is HealthStatus.UNHEALTHY:
        return True
    return status is HealthStatus.DEGRADED and state is DeviceCondition.DEGRADED
