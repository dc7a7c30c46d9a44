"""What is ignored, and drift and lag of the fleet in sums."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

from pyv_fleet.core.policy import Moment
from pyv_fleet.core.views.groups import GroupName
from pyv_fleet.core.views.page import Reason

Pointer = Annotated[str, Meta(min_length=1, max_length=256)]
ChannelName = Annotated[str, Meta(min_length=1, max_length=32)]


class IgnoreBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/drift/ignored: for one channel, or for one group."""

    channel: ChannelName | None = None
    group: GroupName | None = None
    #: a JSON Pointer; what lies below is ignored with it
    pointer: Pointer
    reason: Reason
    #: its end, at most 366 days from now
    until: Moment | None = None
    #: or so many days from now
    days: Annotated[int, Meta(ge=1, le=366)] | None = None


class UnignoreBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/drift/ignored/remove."""

    channel: ChannelName | None = None
    group: GroupName | None = None
    pointer: Pointer
    reason: Reason


class IgnoredView(msgspec.Struct, frozen=True, kw_only=True):
    """A key path whose drift is not counted."""

    channel: str | None
    group: str | None
    pointer: str
    reason: str
    until: dt.datetime
    #: who set it; none = it came with an order from elsewhere
    set_by: str | None
    set_at: dt.datetime | None
    #: false = its time is over: drift there counts again
    in_force: bool


class DriftCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many devices of one channel, group, kind or key path stand how."""

    #: `fleet`, `channel`, `group`, `kind` (of drift) or `key`
    by: str
    name: str
    devices: int = 0
    in_step: int = 0
    drifted: int = 0
    lagging: int = 0
    both: int = 0
    unknown: int = 0
    #: of those that lag
    pending: int = 0
    overdue: int = 0
    failed: int = 0


class DriftReport(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of GET /v1/drift/report."""

    at: dt.datetime
    #: the fleet first, then channels, groups, kinds and key paths, the most frequent first
    counts: tuple[DriftCount, ...]
    #: key paths beyond those that are listed
    more_keys: int = 0
