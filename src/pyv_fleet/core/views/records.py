"""The audit log."""

from __future__ import annotations

import datetime as dt

import msgspec


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
