"""Groups of devices: who is in, and what they give to their members."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from pyv_fleet.core.policy import Moment
from pyv_fleet.core.views.page import Reason
from pyv_fleet.core.words import GroupState, MemberStanding
from pyvorin_edge.vocabulary import DriftPolicy

GroupName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$(?!\n)")]


class GroupIgnore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A key path whose drift is not counted on a group's devices."""

    pointer: Annotated[str, Meta(min_length=1, max_length=256)]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    until: Moment
    set_by: str = ""
    set_at: Moment | None = None


class GroupDrift(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a group's devices do about drift."""

    #: before the channel's; none = as the channel, or a group of lower priority, says
    policy: DriftPolicy | None = None
    #: beside what the channel and other groups ignore
    ignore: Annotated[tuple[GroupIgnore, ...], Meta(max_length=32)] = ()


class GroupSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who is in a group, and what it gives them. In by selector, or by id, or `everyone`, said in so many words."""

    #: `k=v[,k2=v2]`: all must hold, of the devices' own labels
    selector: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    ids: Annotated[tuple[str, ...], Meta(max_length=10_000)] = ()
    everyone: bool = False
    #: where two groups set the same path, the higher one counts
    priority: Annotated[int, Meta(ge=0, le=1_000)] = 100
    #: a merge patch: a part of each member's overlay; what a device sets itself comes over it
    values: dict[str, Any] = {}
    #: that each member bears beside its own
    labels: dict[str, str] = {}
    #: that members obey beside their channel's
    drift: GroupDrift = GroupDrift()
    #: members that get changed values first
    canary: Annotated[int, Meta(ge=1, le=10_000)] = 1
    #: and how many in each step after that
    at_once: Annotated[int, Meta(ge=1, le=10_000)] = 50
    #: how long a step must stay good
    soak_seconds: Annotated[int, Meta(ge=0, le=604_800)] = 60
    #: a member that has not settled within this long stops the steps
    deadline_seconds: Annotated[int, Meta(ge=1, le=2_592_000)] = 3_600


class GroupBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of PUT /v1/groups/{name}."""

    spec: GroupSpec
    reason: Reason
    #: refused with 409 unless it would touch so many devices; none = do not check
    expect_count: int | None = None
    #: only say what it would touch
    dry_run: bool = False


class GroupVerb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/groups/{name}/{delete|revert|resume}."""

    reason: Reason
    #: refused with 409 unless it has so many members; none = do not check
    expect_count: int | None = None


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """A group, and how far its values have come."""

    name: str
    spec: GroupSpec
    state: GroupState
    #: why it stands where it stands, in one sentence
    because: str
    #: it goes once nobody has its values any more
    leaving: bool
    members: int
    #: members, and devices that leave, which are not yet as they should be
    behind: int
    #: of the values; grows with each change
    revision: int
    #: what all members had before the last change of values
    values_before: dict[str, Any]
    reason: str
    changed_by: str
    changed_at: dt.datetime
    #: of its spec: `If-Match` holds a change to it
    etag: str = ""


class GroupMemberView(msgspec.Struct, frozen=True, kw_only=True):
    """A device in a group."""

    device_id: str
    #: it is a member; false = it leaves
    member: bool
    #: it was given what it should have
    current: bool
    #: how it does with them; none before
    standing: MemberStanding | None
