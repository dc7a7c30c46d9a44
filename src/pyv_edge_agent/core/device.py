"""The device as its brain knows it: memory, and what a restart may forget. `brain.step` moves it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.effects import Effect
from pyv_edge_agent.core.gate import Proof
from pyv_edge_agent.core.memory import Installed, Memory, State
from pyvorin_edge.identity import DeviceId, Digest, shard_of
from pyvorin_edge.orders import Assignment, Directive, Pace, Release
from pyvorin_edge.report import DriftState
from pyvorin_edge.trust import Link, Trust
from pyvorin_edge.vocabulary import HookReason, Standing, WaitingFor


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The protocol's own waits in seconds (rules 5 and 7), as arguments so that a test can shorten them."""

    http_fetch_seconds: float = 60.0
    fetch_seconds: float = 600.0
    reach_seconds: float = 600.0
    revert_retry_seconds: float = 5.0
    #: a rollback is spread over at most so long
    rollback_spread_seconds: int = 10
    health_look_seconds: float = 1.0
    #: without a proof under way
    health_idle_seconds: float = 5.0
    #: between two looks at all that may drift, whatever inotify says
    full_check_seconds: float = 3600.0


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What never changes while the agent runs."""

    device_id: DeviceId
    agent_version: str
    caps: tuple[str, ...] = ()
    unsigned_allowed: bool = False
    #: applications may hold an update lock here, and hooks may be run
    guarded: bool = False
    #: where enrolment said the fleet is
    enrolled_link: Link | None = None
    limits: Limits = Limits()


class LockState(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the update lock (activating.py). `uptime` values as in Device."""

    asked_at: float | None = None
    holder: str | None = None
    since: float | None = None
    ours: bool = False
    #: this update goes on in spite of it
    passed: bool = False


class HooksState(msgspec.Struct, frozen=True, kw_only=True):
    """Hooks under way (hooking.py). `uptime` values as in Device."""

    #: counts runs, so that a late answer is known for one
    number: int = 0
    running: HookReason | None = None
    #: those before the change run, or ended well: neither window nor lock is asked any more
    begun: bool = False
    #: what they were told is about to be put in force
    seen: Installed | None = None
    #: those of this phase ended well
    passed: bool = False
    #: how often they asked to be run again, and when that is
    tries: int = 0
    again_at: float | None = None
    #: key paths of a repair
    paths: tuple[str, ...] | None = None


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """Memory, and what a restart may forget. `uptime` values are seconds since the agent's start."""

    facts: Facts
    memory: Memory
    trust: Trust
    directive: Directive | None = None
    assignment: Assignment | None = None
    boot_id: str = ""
    machine_boot_id: str = ""
    #: uptime of the last step
    uptime: float = 0.0
    clock_synced: bool = False
    # the link
    connected: bool = False
    on_candidate: bool = False
    conn: int = 0
    connected_at: float | None = None
    subscribed: frozenset[str] = frozenset()
    #: channel, assignment or trust topic whose order was refused only for epoch, key or time
    ask_again: frozenset[str] = frozenset()
    candidate_since: float | None = None
    #: between an inconclusive try of a link and the next
    candidate_again_at: float | None = None
    # the update under way
    waiting_for: WaitingFor | None = None
    phase_since: float = 0.0
    spread_began: float | None = None
    #: quarantine's line → uptime of the next try (rule 6); at most one, of the target wanted now
    retry_at: dict[str, float] = {}
    release: Release | None = None
    blob: bytes | None = None
    #: slot of the bundle that was asked for, whether it lies ready, and when its download last went on
    bundle_asked: Digest | None = None
    bundle_ready: Digest | None = None
    bundle_moved_at: float = 0.0
    #: slot of the committed bundle, if its files are gone; when it is asked for again, and how often it was in vain
    lost: Digest | None = None
    mend_at: float = 0.0
    mend_tries: int = 0
    #: seq of the last report before a release began to prove itself, or was gone back from: what is acknowledged of
    #: later ones counts for reach (rule 7)
    reach_after_seq: int = 0
    reached: bool = False
    #: uptime since which the device is back and waits to learn whose fault it was
    back_since: float | None = None
    #: likewise while proving; both count what earlier starts spent (patience.py)
    reach_since: float | None = None
    #: the rendered file on its way to the store
    laid: bytes | None = None
    #: it is in the store: only what keeps it from being put in force is left
    ready: bool = False
    lock: LockState = LockState()
    hooks: HooksState = HooksState()
    #: topics of what the store does not hold
    lacking: frozenset[str] = frozenset()
    over_http: frozenset[str] = frozenset()
    #: held releases whose envelope does not verify under the trust document in force (PROTOCOL 4)
    stale: frozenset[Digest] = frozenset()
    proof: Proof | None = None
    revert_retry_at: float | None = None
    revert_tries: int = 0
    # what it runs
    #: document of the file last applied, and its hash
    applied: Any = None
    applied_file: Digest | None = None
    live_known: bool = False
    live_hash: str | None = None
    live_document: Any = None
    effective_hash: str | None = None
    #: key path of each value from outside the live file → keyed digest
    live_values: dict[str, str] = {}
    #: uptime of the last full check
    checked_at: float = 0.0
    drift: DriftState = DriftState(standing=Standing.UNKNOWN)
    health: dict[str, Any] = {}
    #: WriteLive under way: who asked
    remediating: str | None = None
    #: a drift that was not healed is looked at again
    heal_again_at: float | None = None
    # what it told
    seq: int = 0
    reported_seq: int = 0
    reported_at: float | None = None
    beat_at: float | None = None
    told: tuple[object, ...] = ()
    report_due: float | None = None
    requests_seen: tuple[str, ...] = ()
    #: when refusals were remembered of late, uptime seconds
    refused_at: tuple[float, ...] = ()

    @property
    def pace(self) -> Pace:
        """The pace in force: the directive's, else the default."""
        return self.directive.pace if self.directive is not None else DEFAULT_PACE

    @property
    def shard(self) -> str:
        """Its shard, two digits."""
        return shard_of(self.facts.device_id)

    @property
    def channel(self) -> str | None:
        """The channel that it follows; none before its first assignment."""
        return self.assignment.channel if self.assignment is not None else None


DEFAULT_PACE: Final = Pace()


class Turn:
    """One step under way: the device as it becomes, and the effects so far. Lives within `step` alone."""

    def __init__(self, device: Device, now: ev.Now) -> None:
        self.device = device
        self.now = now
        self.effects: list[Effect] = []

    def do(self, *effects: Effect) -> None:
        """Ask for effects, in order."""
        self.effects.extend(effects)

    def set(self, **changes: Any) -> None:
        """Change what a restart may forget."""
        self.device = replace(self.device, **changes)

    def remember(self, **changes: Any) -> None:
        """Change durable parts."""
        self.set(memory=replace(self.device.memory, **changes))

    def note(self, **changes: Any) -> None:
        """Change counters and bounds of the state file."""
        self.remember(state=replace(self.device.memory.state, **changes))

    @property
    def memory(self) -> Memory:
        """What is durable after this step."""
        return self.device.memory

    @property
    def state(self) -> State:
        """Counters and bounds."""
        return self.device.memory.state

    @property
    def up(self) -> float:
        """Uptime seconds of this step."""
        return self.now.uptime_seconds
