"""All that can happen to a device: the only way into its core."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from pyvorin_edge.identity import Digest
from pyvorin_edge.vocabulary import Cause


class Now(msgspec.Struct, frozen=True):
    """The moment of an event: Unix ms, whether that clock is synchronised, and seconds since the agent's start."""

    wall_ms: int
    synced: bool
    uptime_seconds: float


class Fallen(msgspec.Struct, frozen=True, kw_only=True):
    """The launcher gave a slot's code up: it was started so often without the agent's word that it is up."""

    slot: Digest
    starts: int
    #: of them within the machine's same boot
    starts_same_boot: int
    #: its starts could not be counted any more, for the disk was full
    full: bool = False
    #: it had proved itself, and the installed code runs in its place
    rescued: bool = False
    #: its files are gone
    lost: bool = False


class Booted(msgspec.Struct, frozen=True, kw_only=True):
    """The agent started. `boot_id` is random at each start, `machine_boot_id` the kernel's."""

    boot_id: str
    machine_boot_id: str
    #: bytes of the live config file, none if there is none
    live: bytes | None
    fallen: Fallen | None = None


class Connected(msgspec.Struct, frozen=True):
    """A session with the broker stands; `candidate` if by a link on trial (rule 7)."""

    candidate: bool = False


class Disconnected(msgspec.Struct, frozen=True):
    """The session ended."""


class Arrived(msgspec.Struct, frozen=True):
    """A message came: over MQTT, from HTTP or out of a parcel; all go the same way."""

    topic: str
    payload: bytes
    retained: bool = False


class Acknowledged(msgspec.Struct, frozen=True):
    """The broker or controller acknowledged the report of this seq."""

    seq: int


class Staged(msgspec.Struct, frozen=True, kw_only=True):
    """The staged file is durable in the store."""


class StageFailed(msgspec.Struct, frozen=True, kw_only=True):
    """It could not be laid ready: `disk`, or `invalid` with the first problem."""

    code: Cause
    detail: str


class Switched(msgspec.Struct, frozen=True, kw_only=True):
    """The live file is written and what it affects was restarted; the effective hash is of what runs now."""

    effective_hash: str | None
    #: as LiveSeen
    values: dict[str, str] = {}


class SwitchFailed(msgspec.Struct, frozen=True, kw_only=True):
    """It could not be put in force, or put back."""

    code: Cause
    detail: str
    #: the files of its bundle are gone
    lost: bool = False


class HealthSeen(msgspec.Struct, frozen=True):
    """A health document, as `/health` shows it (without `fleet`). Wanted each second while proving."""

    document: dict[str, Any]


class LiveSeen(msgspec.Struct, frozen=True, kw_only=True):
    """The live file was looked at: at start, when it changed, and after every switch. None = unreadable."""

    data: bytes | None
    effective_hash: str | None
    #: key path of each value from outside the file, and of each secret → keyed digest of the value as it is now
    values: dict[str, str] = {}


class Ticked(msgspec.Struct, frozen=True):
    """Time passed; sent at `due_at`."""


class RolledBackByHand(msgspec.Struct, frozen=True):
    """`OTAUpdater.rollback_to(version)` (rule 15)."""

    version: str


class PardonedByHand(msgspec.Struct, frozen=True):
    """Someone at the device wants a quarantined release tried again (rule 15's spirit: they know what they do)."""

    release: Digest


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `Look`: a release envelope or blob that lies in the store already; none = not there."""

    release: Digest | None = None
    blob: Digest | None = None
    data: bytes | None = None


class FetchedOverHttp(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `FetchOverHttp`; the bytes are as unverified as any. None = it failed."""

    topic: str
    data: bytes | None


class BundleReady(msgspec.Struct, frozen=True):
    """Answer to `FetchBundle`: the bundle is in its slot, whole and verified."""

    slot: Digest


class BundleProgressed(msgspec.Struct, frozen=True):
    """The download goes on; sent now and then, so that only standing still counts as a failure."""

    slot: Digest


class BundleFailed(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `FetchBundle`: `fetch`, `disk`, `signature`, or `bundle` for what can never be taken."""

    slot: Digest
    code: Cause
    detail: str


class LockSeen(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `LookAtLock`."""

    #: who holds it, in words; none = nobody but us
    holder: str | None
    #: it is taken, until `FreeLock`
    ours: bool = False
    #: so long a lock is honoured; 0 = until it is let go
    most_seconds: float = 0.0


class LockPassedByHand(msgspec.Struct, frozen=True):
    """Someone at the device wants the update under way put in force in spite of the update lock."""


class HooksEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `RunHooks`."""

    number: int
    #: why they did not end well; none = they did, or there are none
    failed: str | None = None
    #: the hook asked to be run again later
    again: bool = False


class LogsRead(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to `ReadLogs`."""

    request_id: str
    lines: tuple[str, ...]


Event: TypeAlias = (
    Booted
    | Connected
    | Disconnected
    | Arrived
    | Acknowledged
    | Staged
    | StageFailed
    | Switched
    | SwitchFailed
    | HealthSeen
    | LiveSeen
    | Ticked
    | RolledBackByHand
    | PardonedByHand
    | Looked
    | FetchedOverHttp
    | BundleReady
    | BundleProgressed
    | BundleFailed
    | LockSeen
    | LockPassedByHand
    | HooksEnded
    | LogsRead
)
