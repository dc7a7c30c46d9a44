"""What a device is told for itself: channel, labels, overlay, pin, time zone."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from pyv_fleet.core.views.page import Reason
from pyvorin_edge.vocabulary import RuleKind


class PinBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device's own release, before all rules of its channel."""

    #: digest or version
    release: Annotated[str, Meta(min_length=1, max_length=64)]
    #: past windows, locks and spread, as a rollback is
    at_once: bool = False


class DevicePatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of PATCH /v1/devices/{id}: what is left out stays as it is."""

    channel: Annotated[str, Meta(min_length=1, max_length=32)] | UnsetType = UNSET
    #: those named are set, null takes one away, others stay
    labels: dict[str, str | None] | UnsetType = UNSET
    #: the device's own values, whole: an RFC 7396 merge patch on the release's config
    overlay: dict[str, Any] | UnsetType = UNSET
    #: null = unpinned
    pin: PinBody | UnsetType | None = UNSET
    #: an IANA name
    tz: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    reason: Reason
    #: refused with 409 unless the assignment still has this number
    if_number: int | UnsetType = UNSET


class DeviceVerb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/devices/{id}/{quarantine|unquarantine}."""

    reason: Reason


class PinView(msgspec.Struct, frozen=True, kw_only=True):
    """The release that a device is pinned to."""

    release: str
    version: str | None
    attempt: int
    kind: RuleKind


class AssignmentView(msgspec.Struct, frozen=True, kw_only=True):
    """A device's assignment as it was last signed."""

    device_id: str
    channel: str
    number: int
    #: directives of the channel below it do not count
    min_generation: int
    #: with those of groups
    labels: dict[str, str]
    own_labels: dict[str, str]
    #: with the values of groups
    overlay: dict[str, Any]
    own_overlay: dict[str, Any]
    #: whose each value of the overlay is, by JSON Pointer: `device` or `group NAME`
    sources: dict[str, str]
    groups: tuple[str, ...]
    pin: PinView | None
    tz: str
    quarantined: bool
    #: the broker has it
    published: bool
    #: the device said that it has it
    heard: bool
