"""Alerts, their rules, and silences."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

from pyv_fleet.core.alert_rules import AlertRule
from pyv_fleet.core.silences import Matcher
from pyv_fleet.core.views.page import Reason
from pyv_fleet.core.words import AlertState, Severity


class AlertView(msgspec.Struct, frozen=True, kw_only=True):
    """An alert. That it holds, that a person has seen it, and that it is muted are three facts."""

    id: str
    name: str
    device_id: str | None
    state: AlertState
    detail: str
    verified: bool
    raised_at: dt.datetime
    resolved_at: dt.datetime | None
    #: device id, channel, `label=value`, or "" for the fleet
    subject: str = ""
    severity: Severity = Severity.WARNING
    labels: dict[str, str] = {}
    #: what was found to be behind it
    code: str | None = None
    acknowledged_at: dt.datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_reason: str | None = None
    #: id of the silence that mutes it now
    silenced_by: str | None = None


class AlertVerb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/alerts/{id}/acknowledge."""

    reason: Reason


class AlertRuleView(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that is in force."""

    name: str
    rule: AlertRule
    #: it came with the controller, and nobody has set another under its name
    built_in: bool
    #: devices and label values whose alert it holds now
    firing: int = 0
    changed_by: str | None = None
    changed_at: dt.datetime | None = None


class AlertRuleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of PUT /v1/alert-rules/{name}: the whole rule."""

    rule: AlertRule
    reason: Reason


class SilenceSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/silences."""

    matcher: Matcher
    #: from now on
    seconds: Annotated[int, Meta(ge=1)]
    reason: Reason


class SilenceVerb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/silences/{id}/end."""

    reason: Reason


class SilenceView(msgspec.Struct, frozen=True, kw_only=True):
    """A silence, also when it has ended."""

    id: str
    matcher: Matcher
    begins_at: dt.datetime
    ends_at: dt.datetime
    in_force: bool
    reason: str
    made_by: str
    ended_by: str | None


class SinkView(msgspec.Struct, frozen=True, kw_only=True):
    """Where alerts go, and how it goes; sinks stand in the controller's settings."""

    name: str
    kind: str
    #: without path, login or secret
    place: str
    #: it is told alerts of this severity and graver ones
    least: Severity
    #: notifications on their way; taken, and given up within the last week
    waiting: int = 0
    sent: int = 0
    dead: int = 0
    #: failed tries in a row, and why the last one failed
    failures: int = 0
    error: str | None = None


class SinkTested(msgspec.Struct, frozen=True, kw_only=True):
    """How a test of a sink went."""

    name: str
    taken: bool
    detail: str
