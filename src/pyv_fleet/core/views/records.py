"""Alerts and the audit log."""

from __future__ import annotations

import datetime as dt

import msgspec

from pyv_fleet.core.views.page import Reason
from pyv_fleet.core.words import AlertState


class AlertView(msgspec.Struct, frozen=True, kw_only=True):
    """An alert."""

    id: str
    name: str
    device_id: str | None
    state: AlertState
    detail: str
    verified: bool
    raised_at: dt.datetime
    resolved_at: dt.datetime | None


class AlertVerb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/alerts/{id}/acknowledge."""

    reason: Reason


class AuditCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the audit log is whole: each line holds the hash of the one before."""

    #: that hold, from the first on
    lines: int
    #: number and hash of the last of them: written down elsewhere it shows later whether the end was cut off
    head: str
    #: the number of the first line that was changed or taken out; none = all hold
    broken: int | None


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """One act of a person or of the controller itself."""

    seq: int
    at: dt.datetime
    actor: str
    act: str
    subject: str
    reason: str
