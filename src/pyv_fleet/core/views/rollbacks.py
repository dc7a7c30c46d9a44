"""Rollbacks: what is asked for, how far it is, who acknowledged, and the report that stays."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

from pyv_fleet.core.views.page import Reason
from pyv_fleet.core.words import ReturnStanding, RollbackState

Values = Annotated[tuple[str, ...], Meta(min_length=1)]


class RollbackSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/rollbacks: one directive a channel. `to` is a version, a digest or `last-good`."""

    to: str
    #: these; or `all`, said in so many words: a blank must never mean the whole fleet
    channels: tuple[str, ...] = ()
    all: bool = False
    #: only devices whose assigned labels match: every label named, any of its values; of `channels`, else of all
    labels: dict[str, Values] = {}
    reason: Reason
    #: refused with 409 if the devices resolved are not so many; none = do not check
    expect_count: int | None = None
    #: only say what it would touch
    dry_run: bool = False


class RollbackChannel(msgspec.Struct, frozen=True, kw_only=True):
    """One channel's part: the one message that was published there."""

    channel: str
    #: what its devices ran by their own word when it was ordered: how many by version
    was: dict[str, int]
    version: str
    release: str
    epoch: int
    generation: int
    #: SHA-256 of the directive's signed payload
    message_sha256: str
    #: the rollout that ended for it: who has its release keeps it unless rolled back here, nobody else takes it
    superseded: str | None = None
    #: how many of the devices were held out on another release: a whole channel goes back with them
    held_out: int = 0


class RollbackDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device in a rollback; `seconds` from the order to its acknowledgement."""

    device_id: str
    channel: str
    #: when it was ordered
    online: bool
    standing: ReturnStanding
    cause: str
    seconds: float | None = None
    #: Unix seconds since when it stands so, where that is known
    since: dt.datetime | None = None


class RollbackView(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback and its acknowledgements: settled on the target at that generation or later."""

    id: str
    state: RollbackState
    to_version: str
    channels: tuple[RollbackChannel, ...]
    #: the selection, as `-l` takes it; none = the whole channels
    selector: str | None
    reason: str
    created_by: str
    started_at: dt.datetime
    #: devices that follow the order; and how many of them were online when it was given
    devices: int
    online: int
    #: pinned or quarantined: the order is not for them
    exempt: int
    #: of all of them; and of those that were online
    acknowledged: int
    online_acknowledged: int
    #: were online, are not back, and may still come by themselves
    waiting: int
    #: were not online, and are not back: they meet the order on their return
    away: int
    #: the first of those that were online and are not back, with their causes; `missing_more` others
    missing: tuple[RollbackDevice, ...]
    missing_more: int
    #: seconds from publishing to the first, the median and the last acknowledgement of those that were online
    first_seconds: float | None
    median_seconds: float | None
    last_seconds: float | None
    #: nobody that was online is waited for any more
    done: bool


class RollbackReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollback leaves: all of it, each device with its seconds or its cause."""

    rollback: RollbackView
    devices: tuple[RollbackDevice, ...]


class RollbackAcks(msgspec.Struct, frozen=True, kw_only=True):
    """Acknowledgements in the order in which they came, after the first `after`."""

    after: int
    items: tuple[RollbackDevice, ...]
