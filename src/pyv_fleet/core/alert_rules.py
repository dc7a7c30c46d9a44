"""Alert rules: what is watched, from when on it is an alert, and when it is over. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from pyv_fleet.core.words import DeviceCondition, Severity
from pyvorin_edge.errors import IdentityError, PyvorinError
from pyvorin_edge.identity import parse_label

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
Seconds = Annotated[int, Meta(ge=0, le=604_800)]
#: one of the five of every beat, or `section.name` of the /health document
FigureName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}(\.[a-z][a-z0-9_]{0,63})?$(?!\n)")]
Permyriad = Annotated[int, Meta(ge=1, le=10_000)]
BEAT_FIGURES: Final = ("cpu_percent", "ram_percent", "disk_percent", "temperature", "queue_depth")


class RuleError(PyvorinError):
    """A rule that contradicts itself; the message names the field."""


class State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="state"):
    """A device is in this state."""

    state: DeviceCondition


class Threshold(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="threshold"
):
    """A figure that a device tells is above, or below, a limit."""

    figure: FigureName
    above: float | None = None
    below: float | None = None
    #: over is it only when the figure is back at this; none = at the limit itself
    clear: float | None = None


class Rate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="rate"):
    """A figure rose (`above`) or changed less (`below`) than so much within the time."""

    figure: FigureName
    within_seconds: Annotated[int, Meta(ge=10, le=86_400)]
    above: float | None = None
    below: float | None = None
    clear: float | None = None


Watched = State | Threshold | Rate


class Correlate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Many devices of one label value at about the same time are one alert, for the value, and no single ones."""

    #: devices without it are one group too
    label: Annotated[str, Meta(min_length=1, max_length=63)] = "site"
    at_least: Annotated[int, Meta(ge=2)] = 5
    #: of the value's devices that were well before
    share_permyriad: Permyriad = 5_000
    #: over is it when fewer than this share, or than `at_least`, are left
    clear_share_permyriad: Permyriad = 1_000
    #: it began for all of them within this time
    within_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 600
    severity: Severity = Severity.CRITICAL


class AlertRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule; an alert of it stands for one device, or, correlated, for one label value."""

    when: Watched
    #: for people: what it means and what to do
    about: Annotated[str, Meta(max_length=512)] = ""
    severity: Severity = Severity.WARNING
    #: it must hold so long before the alert
    for_seconds: Seconds = 0
    #: it must be over so long before the alert is
    clear_for_seconds: Seconds = 0
    #: devices with these assigned labels; none = all
    where: Annotated[dict[str, tuple[str, ...]], Meta(max_length=4)] = {}
    channel: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}$(?!\n)")] | None = None
    #: whether a device that does not tell what is watched is an alert
    absent: bool = False
    correlate: Correlate | None = None
    enabled: bool = True


BUILT_IN: Final[Mapping[str, AlertRule]] = {
    "unreachable": AlertRule(
        when=State(state=DeviceCondition.UNREACHABLE),
        about="it is offline or lost: power, network or agent; a whole site at once is its uplink or its power",
        for_seconds=120,
        clear_for_seconds=30,
        correlate=Correlate(),
    ),
    "unhealthy": AlertRule(
        when=State(state=DeviceCondition.UNHEALTHY),
        about="none of its sensors is connected, or its agent says why",
        for_seconds=60,
        clear_for_seconds=60,
        correlate=Correlate(),
    ),
    "queue_depth": AlertRule(
        when=Threshold(figure="queue_depth", above=5000, clear=4000),
        about="what it wants to send does not go out: its alert says why, as far as the device tells",
        for_seconds=60,
        clear_for_seconds=60,
        correlate=Correlate(),
    ),
    "cpu": AlertRule(
        when=Threshold(figure="cpu_percent", above=90, clear=80),
        about="its processor has been busy for minutes",
        for_seconds=300,
        clear_for_seconds=60,
        correlate=Correlate(),
    ),
    "update_failed": AlertRule(
        when=State(state=DeviceCondition.UPDATE_FAILED),
        about="it tried what is ordered, without success: pyv-fleet device show says why",
        correlate=Correlate(),
    ),
    "update_overdue": AlertRule(
        when=State(state=DeviceCondition.OVERDUE),
        about="it could have taken what is ordered, and has not",
        for_seconds=60,
        correlate=Correlate(),
    ),
}
"""In force from the start: the article's two limits, and what else nobody should miss. A rule that is set under one of
these names takes its place; `enabled = false` silences it for good."""


def refuse_rule(name: str, rule: AlertRule) -> None:
    """RuleError for a name or a rule that cannot be."""
    if not NAME.fullmatch(name):
        raise RuleError(f"name: {name!r}: small letters, digits and '_', at most 64, a letter first")
    if not isinstance(rule.when, State):
        _refuse_limits(rule.when)
    if rule.absent and isinstance(rule.when, Rate):
        raise RuleError("absent: a rate is not known for a while after each start: watch its figure by a threshold")
    labels = [f"{key}={value}" for key, values in rule.where.items() for value in values]
    labels += [] if rule.correlate is None else [f"{rule.correlate.label}=x"]
    for label in labels:
        try:
            parse_label(label)
        except IdentityError as why:
            raise RuleError(f"where, correlate: {why}") from None
    if any(not values for values in rule.where.values()):
        raise RuleError("where: a label without values matches no device")
    if rule.correlate is not None and rule.correlate.within_seconds <= rule.for_seconds:
        raise RuleError("correlate.within_seconds: must be longer than for_seconds, or nothing could be counted")
    if rule.correlate is not None and rule.correlate.clear_share_permyriad > rule.correlate.share_permyriad:
        raise RuleError("correlate.clear_share_permyriad: not above share_permyriad")


def rule_of(text: Mapping[str, Any]) -> AlertRule:
    """A rule as a file or the store holds it; RuleError names the field."""
    try:
        return msgspec.convert(text, AlertRule)
    except msgspec.ValidationError as why:
        raise RuleError(str(why)) from None


def in_words(watched: Watched) -> str:
    """What is watched, for people."""
    if isinstance(watched, State):
        return watched.state.sentence
    side, limit = ("above", watched.above) if watched.above is not None else ("below", watched.below)
    if isinstance(watched, Threshold):
        return f"{watched.figure} is {side} {limit:g}"
    verb = "rose by more than" if side == "above" else "rose by less than"
    return f"{watched.figure} {verb} {limit:g} within {watched.within_seconds} s"


def _refuse_limits(watched: Threshold | Rate) -> None:
    if (watched.above is None) == (watched.below is None):
        raise RuleError("when: say one of above and below")
    if "." not in watched.figure and watched.figure not in BEAT_FIGURES:
        known = ", ".join(BEAT_FIGURES)
        raise RuleError(f"when.figure: {watched.figure!r} is none of {known}; others are `section.name` of /health")
    if watched.clear is None:
        return
    if watched.above is not None and watched.clear > watched.above:
        raise RuleError("when.clear: not above `above`")
    if watched.below is not None and watched.clear < watched.below:
        raise RuleError("when.clear: not below `below`")
