"""Rollouts and their waves."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

from pyv_fleet.core.views.page import Reason
from pyv_fleet.core.words import RolloutState, Verdict, WaveState


class Budgets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many devices of a wave may go wrong, in permyriad of the wave; 0 = none."""

    failed_permyriad: Annotated[int, Meta(ge=0, le=10_000)] = 0
    reverted_permyriad: Annotated[int, Meta(ge=0, le=10_000)] = 0
    unhealthy_permyriad: Annotated[int, Meta(ge=0, le=10_000)] = 200
    lost_permyriad: Annotated[int, Meta(ge=0, le=10_000)] = 200


class RolloutSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/rollouts. A wave is written `1%`, `20`, `kind=real`, or `kind=real:1` (where, count)."""

    channel: str
    #: digest or version
    release: str
    waves: Annotated[tuple[str, ...], Meta(min_length=1, max_length=14)] = ("1%", "100%")
    soak_seconds: Annotated[int, Meta(ge=0, le=604_800)] = 60
    #: a wave that is not judged good within this long is inconclusive
    deadline_seconds: Annotated[int, Meta(ge=1, le=2_592_000)] = 3_600
    spread_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 0
    budgets: Budgets = Budgets()
    #: digest or version that the rest stays on; none = the channel's golden. Must be named while a hold stands
    baseline: str | None = None
    #: whether it takes the place of a rollout that has not ended; else that is a 409
    supersede: bool = False
    reason: Reason


class WaveView(msgspec.Struct, frozen=True, kw_only=True):
    """One wave of a rollout and how its devices do."""

    index: int
    cohort: str
    state: WaveState
    devices: int
    committed: int
    healthy: int
    failed: int
    reverted: int
    unhealthy: int
    lost: int
    deferred: int
    verdict: Verdict | None
    #: what was seen, in a sentence
    because: str
    started_at: dt.datetime | None
    judged_at: dt.datetime | None


class RolloutView(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout."""

    id: str
    channel: str
    release: str
    version: str
    baseline: str | None
    baseline_version: str | None
    state: RolloutState
    wave: int
    waves: tuple[WaveView, ...]
    #: why it stands where it stands, in one sentence
    because: str
    reason: str
    created_by: str
    created_at: dt.datetime
    ended_at: dt.datetime | None


class RolloutVerb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/rollouts/{id}/{pause|resume|abort}; abort reverts unless `stay`."""

    reason: Reason
    stay: bool = False
