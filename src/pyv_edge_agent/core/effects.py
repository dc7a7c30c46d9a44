"""All that a device's core can ask of its shell. Memory is durable before the first effect of a step is performed.

Every effect can be repeated: starting again is entering the state again.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from pyv_edge_agent.core.memory import Installed
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import BundleRef
from pyvorin_edge.trust import Link, Trust
from pyvorin_edge.vocabulary import HookMoment, HookReason


class Subscribe(msgspec.Struct, frozen=True):
    """Subscribe to these exact topics at QoS 1 (only while connected)."""

    topics: tuple[str, ...]


class Unsubscribe(msgspec.Struct, frozen=True):
    """Leave these topics."""

    topics: tuple[str, ...]


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Read from the store, answer at once with `Looked`."""

    release: Digest | None = None
    blob: Digest | None = None


class FetchOverHttp(msgspec.Struct, frozen=True):
    """Fetch what the topic holds over HTTPS (release, blob or trust document), answer with `FetchedOverHttp`."""

    topic: str


class KeepRelease(msgspec.Struct, frozen=True):
    """Store a verified release envelope durably under its digest."""

    digest: Digest
    envelope: bytes


class KeepBlob(msgspec.Struct, frozen=True):
    """Store bytes durably under their SHA-256."""

    digest: Digest
    data: bytes


class Stage(msgspec.Struct, frozen=True):
    """Check the rendered file against this device's environment (`Config.validate`) and store it durably as a blob.

    Answer with `Staged` or `StageFailed`.
    """

    installed: Installed
    data: bytes


class FetchBundle(msgspec.Struct, frozen=True):
    """Bring a bundle into its slot, verified under this trust; what lies there whole is not fetched again.

    Answer with `BundleReady` or `BundleFailed`, and while it goes on now and then with `BundleProgressed`.
    """

    bundle: BundleRef
    trust: Trust


class LeaveBundle(msgspec.Struct, frozen=True):
    """The download is not wanted any more: stop it; what was fetched is kept for another try."""


class LookAtLock(msgspec.Struct, frozen=True):
    """See who holds the update lock, and take it if nobody does and `take` says so; answer with `LockSeen`."""

    take: bool


class FreeLock(msgspec.Struct, frozen=True):
    """Let the update lock go, if it is ours."""


class RunHooks(msgspec.Struct, frozen=True, kw_only=True):
    """Run this device's hooks for a change from `was` to `installed`, one after the other; answer with `HooksEnded`.

    They may run again for the same change: after a restart the phase is entered again.
    """

    number: int
    moment: HookMoment
    reason: HookReason
    installed: Installed
    #: none = nothing is known of what was before
    was: Installed | None
    #: key paths that change, where they are known; none = compare the two
    paths: tuple[str, ...] | None = None


class LeaveHooks(msgspec.Struct, frozen=True):
    """The change is not wanted any more: end the hooks that run for it."""


class Switch(msgspec.Struct, frozen=True):
    """Write the live file from the stored blob, atomically, restart what it affects; `Switched` or `SwitchFailed`.

    Going back is the same effect with what was committed before. Where another code must run, the agent ends itself,
    the launcher starts that code, and what that finds on disk asks for this effect again. `good` is what the launcher
    goes back to by itself when the slot's code does not start; the same slot = nothing is on trial.
    """

    installed: Installed
    good: Installed


class Establish(msgspec.Struct, frozen=True):
    """The launcher may trust what is committed: its starts are no longer counted."""

    installed: Installed


class LoadLive(msgspec.Struct, frozen=True):
    """At start: load the live file if it validates, else write the stored fallback over it first (rule 15).

    Answer with `LiveSeen`.
    """

    fallback: Installed


class WriteLive(msgspec.Struct, frozen=True):
    """The drift was told to go: write the stored file over the live one and reload; `Switched` or `SwitchFailed`."""

    installed: Installed


class Publish(msgspec.Struct, frozen=True, kw_only=True):
    """Send. `seq` of a report: answer with `Acknowledged` when the broker has it."""

    topic: str
    payload: bytes
    qos: int
    retain: bool = False
    seq: int | None = None


class UseLink(msgspec.Struct, frozen=True):
    """Reconnect by this link; none = as enrolled. A candidate is on trial (rule 7): keep the other at hand."""

    link: Link | None
    candidate: bool


class ReadLogs(msgspec.Struct, frozen=True):
    """Read the last log lines, answer with `LogsRead`."""

    request_id: str
    lines: int


class LookAtHealth(msgspec.Struct, frozen=True):
    """Send `HealthSeen` now and, while `every_seconds` is not 0, again and again at that interval."""

    every_seconds: float = 0.0


class LookAtLive(msgspec.Struct, frozen=True):
    """Send `LiveSeen` now."""


class Prune(msgspec.Struct, frozen=True):
    """Remove from the store all but these."""

    releases: frozenset[Digest]
    blobs: frozenset[Digest]
    slots: frozenset[Digest] = frozenset()


class Log(msgspec.Struct, frozen=True):
    """A line that matters."""

    level: str
    text: str


Effect: TypeAlias = (
    Subscribe
    | Unsubscribe
    | Look
    | FetchOverHttp
    | KeepRelease
    | KeepBlob
    | Stage
    | FetchBundle
    | LeaveBundle
    | LookAtLock
    | FreeLock
    | RunHooks
    | LeaveHooks
    | Switch
    | Establish
    | LoadLive
    | WriteLive
    | Publish
    | UseLink
    | ReadLogs
    | LookAtHealth
    | LookAtLive
    | Prune
    | Log
)
