"""The ports between the engine's parts: what each is told, and what the desk wants of releases and rollouts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from pyv_fleet.core.views import (
    MemberView,
    Page,
    PlanView,
    ReleaseView,
    RollbackSpec,
    RolloutSpec,
    RolloutVerb,
    RolloutView,
)
from pyv_fleet.core.words import AuthScope, MemberStanding, RolloutAct
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.orders import DirectiveRecord
from pyv_fleet.store.status import Known, StatusRecord
from pyvorin_edge.report import Report


class Heard(NamedTuple):
    """What a device said, or that it fell silent, after it was stored."""

    device: DeviceRecord
    before: StatusRecord
    after: StatusRecord
    #: the last full report of the batch; none for beats, presence and silence
    report: Report | None


HeardObserver = Callable[[Sequence[Heard]], Awaitable[None]]
"""Told once a batch, after the commit; may open transactions of its own. What it raises is logged, never lost reports.

Only devices are named whose report came or whose connectivity changed: a beat that changes nothing but figures is not.
"""
StoredObserver = Callable[[Sequence[Known]], None]
"""Told once a batch, after the commit, of every device that was heard or fell silent, with what is known of it now."""
DirectiveObserver = Callable[[DirectiveRecord], Awaitable[None]]
"""Told when a directive was confirmed by the broker, or (`foreign`) adopted from it."""


CompletionObserver = Callable[[str], Awaitable[None]]
"""Told a channel when its rollout has completed: every wave was judged good."""


class ReleaseDesk(Protocol):
    """engine/releases.py: `Releases`."""

    async def publish(
        self, envelope: bytes, blob: bytes, actor: str, *, unchecked: bool = False, provenance: bytes | None = None
    ) -> tuple[ReleaseView, bool]:
        """The release, and whether it is new; `unchecked` skips the schema. Invalid, Conflict."""

    async def page(self, after: str | None, limit: int) -> Page[ReleaseView]:
        """All releases."""

    async def get(self, ref: str) -> ReleaseView:
        """By digest or version; NotFound."""

    async def envelope(self, ref: str) -> bytes:
        """The signed envelope; NotFound."""

    async def provenance(self, ref: str) -> bytes:
        """The signed statement of where it comes from; NotFound."""

    async def blob(self, sha256: str) -> bytes:
        """A config's bytes; NotFound."""


class RolloutDesk(Protocol):
    """engine/rollouts.py: `Rollouts`."""

    async def create(self, spec: RolloutSpec, actor: str, scope: AuthScope | None) -> RolloutView:
        """Made, and started unless held."""

    async def plan(self, spec: RolloutSpec) -> PlanView:
        """What `create` would do."""

    async def page(self, after: str | None, limit: int) -> Page[RolloutView]:
        """All rollouts, newest first."""

    async def get(self, rollout_id: str) -> RolloutView:
        """One; NotFound."""

    async def members(
        self, rollout_id: str, wave: int | None, standing: MemberStanding | None, after: str | None, limit: int
    ) -> Page[MemberView]:
        """By which devices a wave is judged, and how they do."""

    async def act(self, rollout_id: str, act: RolloutAct, verb: RolloutVerb, actor: str) -> RolloutView:
        """What a person asks of it."""

    async def forget(self, rollout_id: str, verb: RolloutVerb, actor: str) -> RolloutView:
        """One that has ended lets go of its name."""

    async def undone_by(self, rollout_id: str, verb: RolloutVerb) -> RollbackSpec:
        """The rollback that takes back a rollout that has ended."""
