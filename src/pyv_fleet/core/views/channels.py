"""Channels and their directives."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from pyv_fleet.core.lag import OVERDUE_SECONDS
from pyv_fleet.core.policy import Freeze, Herd, HoldOut
from pyv_fleet.core.views.page import Reason
from pyvorin_edge.orders import BytesPerSecond, Window
from pyvorin_edge.vocabulary import DriftPolicy, RuleKind


class RuleView(msgspec.Struct, frozen=True, kw_only=True):
    """One rule of a channel's directive, for people."""

    kind: RuleKind
    version: str
    release: str
    attempt: int
    #: "all", "1 device", "kind=real …"
    matches: str


class ChannelBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of PUT /v1/channels/{name}: the channel's standing terms."""

    drift_policy: DriftPolicy = DriftPolicy.ALERT
    beat_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 60
    report_seconds: Annotated[int, Meta(ge=1, le=86_400)] = 900
    keepalive_seconds: Annotated[int, Meta(ge=5, le=65_535)] = 60
    settle_seconds: Annotated[int, Meta(ge=0, le=3_600)] = 10
    #: the most that each device's downloads of bundles take; 0 = no limit
    download_bytes_per_second: BytesPerSecond = 0
    #: a device that was told so long ago to take a release, and does not wait as it was told to, is late
    overdue_seconds: Annotated[int, Meta(ge=60, le=2_592_000)] = OVERDUE_SECONDS
    #: when its devices may activate and download, in each device's own time zone; none = always
    window: Window | None = None
    #: the policy of its rollouts; none = the built-in one
    policy: str | None = None
    freezes: Annotated[tuple[Freeze, ...], Meta(max_length=16)] = ()
    hold_outs: Annotated[tuple[HoldOut, ...], Meta(max_length=4)] = ()
    #: how many of its devices may be at work on a release at once; none = all
    herd: Herd | None = None


class ChannelView(msgspec.Struct, frozen=True, kw_only=True):
    """A channel and its directive."""

    name: str
    generation: int
    #: what every device without a running rollout should run: digest and version of the last rule
    golden: str | None
    golden_version: str | None
    last_good: str | None
    rules: tuple[RuleView, ...]
    devices: int
    drift_policy: DriftPolicy
    rollout: str | None
    #: its standing terms, as PUT takes them
    terms: ChannelBody
    #: of its terms: `If-Match` holds a change to it
    etag: str = ""


class ChannelVerb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/channels/{name}/{refresh|delete}."""

    reason: Reason
