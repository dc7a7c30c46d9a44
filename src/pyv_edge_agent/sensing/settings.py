"""What a config says of windows, rules and policies, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import msgspec

from pyvorin_edge.vocabulary import Aggregate, ItemKind, Severity, WindowMode


class WindowSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One item of `windows.named`, or the window that rules without one look at (name "")."""

    name: str
    sensor_pattern: str = "*"
    mode: WindowMode = WindowMode.TUMBLING
    #: readings; none = by seconds
    size: int | None = None
    seconds: float | None = None
    #: a sliding window speaks after so many readings
    every: int = 1
    aggregates: tuple[Aggregate, ...] = ()

    @classmethod
    def from_document(cls, window: Mapping[str, Any], default_size: int) -> Self:
        """From a validated document."""
        said = {**window, "mode": WindowMode(window["mode"])}
        said["aggregates"] = tuple(Aggregate(word) for word in dict.fromkeys(window["aggregates"]))
        if "seconds" not in window:
            said.setdefault("size", default_size)
        return cls(**said)


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One item of `rules`."""

    name: str
    when: str
    clear_when: str | None = None
    sensor_pattern: str = "*"
    window: str | None = None
    for_seconds: float = 0.0
    cooldown_seconds: float = 0.0
    severity: Severity = Severity.WARNING
    message: str = ""

    @classmethod
    def from_document(cls, rule: Mapping[str, Any]) -> Self:
        """From a validated document."""
        return cls(**{**rule, "severity": Severity(rule["severity"])})


class PolicySettings(msgspec.Struct, frozen=True, kw_only=True):
    """One item of `policies`."""

    kind: ItemKind | None = None
    sensor_pattern: str = "*"
    rule_pattern: str | None = None
    severity: Severity | None = None
    drop: bool = False
    priority: str | None = None
    ttl_seconds: float | None = None
    sample_every: int = 1
    per_minute_max: int | None = None

    @classmethod
    def from_document(cls, policy: Mapping[str, Any]) -> Self:
        """From a validated document."""
        kind, severity = policy.get("kind"), policy.get("severity")
        said = {
            **policy,
            "kind": None if kind is None else ItemKind(kind),
            "severity": None if severity is None else Severity(severity),
        }
        return cls(**said)
