"""Policies: what becomes of an item on its way into the queue. The first that fits decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from pyv_edge_agent.cloud_sync.interface import Priority
from pyv_edge_agent.sensing.settings import PolicySettings
from pyvorin_edge.patterns import matches
from pyvorin_edge.vocabulary import ItemKind, Severity

_MINUTE_SECONDS: Final = 60.0


class Label(msgspec.Struct, frozen=True):
    """What a policy sees of an item: never its value."""

    kind: ItemKind
    sensor_name: str
    rule_name: str = ""
    severity: Severity | None = None


class Fate(msgspec.Struct, frozen=True):
    """How an item is queued."""

    priority: Priority
    ttl_seconds: float | None = None


class Policies:
    """The list, with its counters: at most one of each for a policy and a sensor."""

    def __init__(self, policies: Sequence[PolicySettings]) -> None:
        self._policies = tuple(policies)
        self._chosen: dict[Label, int | None] = {}
        self._seen: dict[tuple[int, str], int] = {}
        self._minutes: dict[tuple[int, str], tuple[float, int]] = {}

    def fate(self, label: Label, at_seconds: float) -> Fate | None:
        """How to queue it; none = it is left out."""
        index = self._chosen.get(label, -1)
        if index == -1:
            index = self._chosen[label] = self._first_fitting(label)
        usual = _usual_priority(label)
        if index is None:
            return Fate(usual)
        policy = self._policies[index]
        key = (index, label.sensor_name)
        if policy.drop or not self._sampled(policy, key) or not self._within_minute(policy, key, at_seconds):
            return None
        return Fate(usual if policy.priority is None else Priority[policy.priority.upper()], policy.ttl_seconds)

    def _first_fitting(self, label: Label) -> int | None:
        return next((index for index, policy in enumerate(self._policies) if _fits(policy, label)), None)

    def _sampled(self, policy: PolicySettings, key: tuple[int, str]) -> bool:
        if policy.sample_every == 1:
            return True
        seen = self._seen.get(key, 0)
        self._seen[key] = (seen + 1) % policy.sample_every
        return seen == 0

    def _within_minute(self, policy: PolicySettings, key: tuple[int, str], at_seconds: float) -> bool:
        if policy.per_minute_max is None:
            return True
        began, passed = self._minutes.get(key, (at_seconds, 0))
        if at_seconds - began >= _MINUTE_SECONDS:
            began, passed = at_seconds, 0
        if passed >= policy.per_minute_max:
            return False
        self._minutes[key] = (began, passed + 1)
        return True


def _fits(policy: PolicySettings, label: Label) -> bool:
    return (
        policy.kind in (None, label.kind)
        and policy.severity in (None, label.severity)
        and matches(policy.sensor_pattern, label.sensor_name)
        and (policy.rule_pattern is None or matches(policy.rule_pattern, label.rule_name))
    )


def _usual_priority(label: Label) -> Priority:
    if label.kind is not ItemKind.EVENT:
        return Priority.TELEMETRY
    return Priority.CRITICAL if label.severity is Severity.CRITICAL else Priority.ANOMALY
