"""When alerts are told, and with which others: grouped, once, seldom again; a failed sink is tried ever more slowly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from pyv_fleet.core.words import AlertState, Severity

ALERTS_TOLD_MAX: Final = 200
FIRST_WAIT_SECONDS: Final = 5.0
LONGEST_WAIT_SECONDS: Final = 300.0
_RANK: Final = {Severity.INFO: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """When notifications go out."""

    #: alerts of one name with the same values of these labels are told together
    group_by: tuple[str, ...] = ("site",)
    #: from a group's first alert until it is told: others may come
    group_wait_seconds: int = 30
    #: from one telling of a group to the next, if something new is to be told
    group_interval_seconds: int = 300
    #: what still holds and nobody has acknowledged is told again
    repeat_seconds: int = 14_400
    #: a notification that no try brought to its sink within this time is given up, and an alert says so
    give_up_seconds: int = 86_400


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that are told together. Unix ms."""

    key: str
    opened_at: int
    told_at: int | None = None


class ToldAlert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An alert as a notification tells it."""

    id: str
    name: str
    state: AlertState
    severity: Severity
    detail: str
    raised_at: dt.datetime
    subject: str = ""
    device_id: str | None = None
    labels: dict[str, str] = {}
    code: str | None = None
    verified: bool = True
    resolved_at: dt.datetime | None = None
    acknowledged_by: str | None = None


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What one telling of a group says: all of its alerts that hold, and those that ended since the telling before."""

    group: str
    #: how many hold, and how many ended; `alerts` shows at most 200 of them, what is new first
    firing: int
    resolved: int
    alerts: tuple[ToldAlert, ...]
    #: nothing is new: it still holds, and nobody has acknowledged it
    repeated: bool = False
    #: a person tries the sink
    test: bool = False

    @property
    def subject(self) -> str:
        """In a line."""
        parts = [f"{self.firing} firing"] if self.firing else []
        parts += [f"{self.resolved} resolved"] if self.resolved else []
        first = self.alerts[0].detail if len(self.alerts) == 1 else ""
        return f"{self.group}: {', '.join(parts) or 'nothing'}{f' ({first[:120]})' if first else ''}"


def group_key(name: str, labels: Mapping[str, str], group_by: Iterable[str]) -> str:
    """Which alerts are told together: of one name, with the same values of these labels."""
    values = [f"{label}={labels[label]}" for label in group_by if label in labels]
    return " ".join([name, *values])[:200]


def due_ms(group: Group, timing: Timing, *, news: bool) -> int:
    """When the group is told next, if it has something to tell."""
    if group.told_at is None:
        return group.opened_at + timing.group_wait_seconds * 1000
    return group.told_at + (timing.group_interval_seconds if news else timing.repeat_seconds) * 1000


def notification(
    key: str, news: Iterable[ToldAlert], known: Iterable[ToldAlert], *, least: Severity = Severity.INFO
) -> Notification | None:
    """What a sink that hears alerts from `least` on is told of a group; none = nothing. `known`: told before."""
    new = [one for one in news if grave_enough(one.severity, least)]
    old = [one for one in known if grave_enough(one.severity, least)]
    every = [*new, *old]
    if not every or (not new and all(one.acknowledged_by for one in old)):
        return None
    firing = sum(one.state is AlertState.FIRING for one in every)
    return Notification(
        group=key,
        firing=firing,
        resolved=len(every) - firing,
        alerts=tuple(every[:ALERTS_TOLD_MAX]),
        repeated=not new,
    )


def grave_enough(severity: Severity, least: Severity) -> bool:
    """Whether a sink that hears alerts from `least` on hears this one."""
    return _RANK[severity] >= _RANK[least]


def wait_seconds(failures: int, chance: float) -> float:
    """How long a sink is left alone after that many failures in a row: 5, 10, 20 … 300 s, of which half is left to
    `chance` in [0, 1)."""
    longest = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2.0 ** min(max(failures - 1, 0), 16))
    return longest * (0.5 + chance / 2)


def given_up(made_at: int, timing: Timing, now_ms: int) -> bool:
    """Whether a notification was tried for long enough."""
    return now_ms - made_at >= timing.give_up_seconds * 1000
