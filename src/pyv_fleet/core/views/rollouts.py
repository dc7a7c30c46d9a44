"""Rollouts and their waves."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from msgspec import Meta

from pyv_fleet.core.policy import Asked, Moment
from pyv_fleet.core.views.analysis import AnalysisView
from pyv_fleet.core.views.page import Reason
from pyv_fleet.core.words import MemberStanding, RolloutState, Verdict, WaveState

RolloutName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.+-]{0,63}$(?!\n)")]


class RolloutTerms(Asked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a rollout is to be, as it may stand in a file; what it leaves out, its channel's policy says."""

    channel: str
    #: digest or version
    release: str
    #: digest or version that the rest stays on; none = the channel's golden. Must be named while a hold stands
    baseline: str | None = None
    #: whether it takes the place of a rollout that has not ended; else that is a 409
    supersede: bool = False
    #: not before then; none = at once
    start_at: Moment | None = None
    #: whether it waits for `start`; else it starts when it is approved
    hold: bool = False


class RolloutSpec(RolloutTerms, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/rollouts; what it leaves out, the channel's policy says (core/policy.py)."""

    #: by which it is found again, unique in the fleet; none = its id alone
    name: RolloutName | None = None
    #: of the plan that was looked at: refused with 409 if the fleet or the release changed since
    plan: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")] | None = None
    #: whether it may reach the whole channel without a canary that soaked and was good; admins only
    emergency: bool = False
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
    waiting: int = 0
    #: of those, for their turn
    for_turn: int = 0
    retrying: int = 0
    skipped: int = 0
    verdict: Verdict | None
    #: what was seen, in a sentence
    because: str
    started_at: dt.datetime | None
    judged_at: dt.datetime | None
    soak_seconds: int = 0
    #: whether a person must let it in
    approve: bool = False
    #: how many devices each budget lets go wrong, once it was begun
    allowed: dict[str, int] = {}
    #: the wave beside the rest of its channel; none = not begun, or the rollout wants none
    analysis: AnalysisView | None = None


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """A device by which a wave is judged."""

    device_id: str
    standing: MemberStanding
    #: what happened to it, in a sentence; of a wave that was judged only the word is kept
    said: str


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
    #: what a person can do with it now
    moves: tuple[str, ...] = ()
    approvals_needed: int = 0
    #: who approved what is next
    approved_by: tuple[str, ...] = ()
    emergency: bool = False
    #: of the release; higher after a retry
    attempt: int = 0
    #: when it may be done if all goes well, Unix time as RFC 3339; none = ended, or not to be said
    finish_at: dt.datetime | None = None
    name: str | None = None
    #: what was asked for when it was made
    terms: RolloutTerms | None = None


class RolloutVerb(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of POST /v1/rollouts/{id}/{start|approve|pause|resume|promote|retry|skip|abort|undo}."""

    reason: Reason
    #: abort: true = who has the release keeps it, false = back to the baseline, none = as the rollout was made
    stay: bool | None = None
    #: promote: the wave's number as it is shown, from 1; refused if another one is under way
    wave: int | None = None
    #: skip: devices that are not judged any more
    device_ids: Annotated[tuple[str, ...], Meta(max_length=1000)] = ()


class DiffView(msgspec.Struct, frozen=True, kw_only=True):
    """What changes for devices that run the same now: golden after against golden now by key path, secrets redacted."""

    #: version that they run now by the controller's books; none = nothing yet
    before: str | None
    #: pointer, then the value before and after as JSON text; none = absent
    changes: tuple[tuple[str, str | None, str | None], ...]
    bundle: str | None
    devices: int
    #: some of them
    device_ids: tuple[str, ...]


class PlanWaveView(msgspec.Struct, frozen=True, kw_only=True):
    """A wave as it would be if it opened now."""

    cohort: str
    soak_seconds: int
    approve: bool
    devices: int
    online: int
    #: those that no wave before had
    new: int
    #: at most 1,000 of them, in the order in which they are taken
    device_ids: tuple[str, ...]
    #: how many devices each budget lets go wrong
    allowed: dict[str, int]


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was looked at: whether it is in order, and what was seen."""

    name: str
    good: bool
    detail: str


class PlanView(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of POST /v1/rollouts/plan: all that `create` would do, and the digest by which it may be held to that."""

    digest: str
    channel: str
    release: str
    version: str
    baseline: str | None
    baseline_version: str | None
    devices: int
    waves: tuple[PlanWaveView, ...]
    diffs: tuple[DiffView, ...]
    checks: tuple[CheckView, ...]
    approvals: int
    #: when it may be done if all goes well
    finish_at: dt.datetime | None
    #: bytes that the wave's devices fetch in all
    download_bytes: int
