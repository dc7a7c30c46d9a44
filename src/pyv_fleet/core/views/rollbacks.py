"""Rollbacks."""

from __future__ import annotations

import datetime as dt

import msgspec

from pyv_fleet.core.views.page import Reason


class RollbackSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/rollbacks: one directive a channel. `to` is a version, a digest or `last-good`."""

    to: str
    #: these; or `all`, said in so many words: a blank must never mean the whole fleet
    channels: tuple[str, ...] = ()
    all: bool = False
    reason: Reason
    #: refused with 409 if the devices resolved are not so many; none = do not check
    expect_count: int | None = None
    #: only say what it would touch
    dry_run: bool = False


class RollbackView(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback and its acknowledgements: settled on the target at that generation or later."""

    id: str
    to_version: str
    channels: tuple[str, ...]
    devices: int
    online: int
    acknowledged: int
    #: online devices that have not acknowledged yet
    missing: tuple[str, ...]
    #: seconds from publishing to the first, the median and the last acknowledgement
    first_seconds: float | None
    median_seconds: float | None
    last_seconds: float | None
    started_at: dt.datetime
    done: bool
