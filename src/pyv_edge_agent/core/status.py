"""How a device stands, whole and in plain values: what `pyv-edge-agent status` shows, with or without an agent."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pyv_edge_agent.core import working
from pyv_edge_agent.core.aim import barred, judged_by, retry_after_seconds
from pyv_edge_agent.core.device import Device
from pyv_edge_agent.core.memory import Installed, Memory, Tried
from pyv_edge_agent.core.telling import fleet_facts, shown_phase
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Target
from pyvorin_edge.report import DriftState, Refused, Result
from pyvorin_edge.vocabulary import Cause, Clock, Outcome, Phase, RuleKind, WaitingFor


class Held(msgspec.Struct, frozen=True):
    """A release that can be gone back to without the network."""

    version: str
    release: Digest | None
    #: it is in force
    running: bool


class GateSeen(msgspec.Struct, frozen=True, kw_only=True):
    """How the proof of a release goes."""

    within_seconds: int
    hold_seconds: int
    #: since it has been good; none = it is not
    good_for_seconds: float | None
    #: what it lacks, empty while it is good
    missing: str


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A target that ended badly, and when it is tried again."""

    release: Digest
    version: str | None
    overlay: Digest
    attempt: int
    outcome: Outcome
    code: Cause
    tries: int
    #: seconds to the next try, counted from now when one is due; none = not by time
    retry_seconds: float | None
    #: what ends it, in words
    until: str


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """The update under way, and what bars others."""

    phase: Phase
    waiting_for: WaitingFor | None = None
    #: who holds the update lock, as far as asked
    lock_holder: str | None = None
    target: Digest | None = None
    target_version: str | None = None
    attempt: int | None = None
    kind: RuleKind | None = None
    since_seconds: float | None = None
    #: seconds until it moves by time alone: a deadline, a spread's end; none = it does not
    due_seconds: float | None = None
    #: the agent's starts since the switch; the fourth ends it
    starts: int = 0
    gate: GateSeen | None = None
    quarantine: tuple[Quarantined, ...] = ()


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `place` is what /health says of the fleet: channel, release, digest, generation, config_hash."""

    device_id: str
    fleet: str | None
    incarnation: int
    boot: int
    agent_version: str
    connected: bool
    clock: Clock
    place: dict[str, object]
    trust: int
    trust_expires_at: int | None
    epoch: int
    floor: int
    update: Update
    result: Result | None
    refused: Refused | None
    drift: DriftState
    held: tuple[Held, ...]
    #: version that someone at the device chose, in force until other orders come
    by_hand: str | None
    health: dict[str, object]


def status_of(device: Device, versions: Mapping[Digest, str] | None = None) -> Status:
    """The device as it stands; `versions` are names of releases that memory knows by digest alone."""
    memory, state = device.memory, device.memory.state
    return Status(
        device_id=device.facts.device_id,
        fleet=state.fleet,
        incarnation=state.incarnation,
        boot=state.boot,
        agent_version=device.facts.agent_version,
        connected=device.connected,
        clock=Clock.SYNCED if device.clock_synced else Clock.UNSYNCED,
        place=fleet_facts(device),
        trust=device.trust.version,
        trust_expires_at=device.trust.expires_at,
        epoch=device.trust.epoch,
        floor=max(state.floor, device.trust.floor),
        update=update_of(device, versions or {}),
        result=state.result,
        refused=state.refused,
        drift=device.drift,
        held=_held(memory),
        by_hand=_chosen(memory),
        health=device.health,
    )


def unnamed(memory: Memory) -> frozenset[Digest]:
    """Releases that memory knows by digest alone: target and quarantine."""
    found = {line.release for line in memory.quarantine}
    if memory.trial is not None:
        found.add(memory.trial.target.release)
    return frozenset(found)


def update_of(device: Device, versions: Mapping[Digest, str]) -> Update:
    """The update under way."""
    trial = device.memory.trial
    quarantine = tuple(_quarantined(device, line, versions) for line in device.memory.quarantine)
    if trial is None:
        return Update(phase=shown_phase(device), quarantine=quarantine)
    due = working.work_at(device)
    return Update(
        phase=trial.phase,
        waiting_for=device.waiting_for,
        lock_holder=device.lock.holder,
        target=trial.target.release,
        target_version=trial.staged.version if trial.staged is not None else versions.get(trial.target.release),
        attempt=trial.target.attempt,
        kind=trial.target.kind,
        since_seconds=round(device.uptime - device.phase_since, 1) if device.boot_id else None,
        due_seconds=round(max(0.0, due - device.uptime), 1) if device.boot_id and due != working.NEVER else None,
        starts=trial.starts,
        gate=_gate(device),
        quarantine=quarantine,
    )


def _gate(device: Device) -> GateSeen | None:
    proof, trial = device.proof, device.memory.trial
    if proof is None or trial is None:
        return None
    return GateSeen(
        within_seconds=trial.gate.within_seconds,
        hold_seconds=trial.gate.hold_seconds,
        good_for_seconds=None if proof.good_since is None else round(device.uptime - proof.good_since, 1),
        missing=proof.missing,
    )


def _quarantined(device: Device, line: Tried, versions: Mapping[Digest, str]) -> Quarantined:
    due = next((at for key, at in device.retry_at.items() if key.startswith(f"{line.release}/{line.overlay}/")), None)
    return Quarantined(
        release=line.release,
        version=versions.get(line.release),
        overlay=line.overlay,
        attempt=line.attempt,
        outcome=line.outcome,
        code=line.code,
        tries=line.tries,
        retry_seconds=None if due is None else round(max(0.0, due - device.uptime), 1),
        until=_until(device, line),
    )


def _until(device: Device, line: Tried) -> str:
    target = Target(release=line.release, overlay=line.overlay, attempt=line.attempt, kind=RuleKind.RELEASE)
    by = judged_by(device.trust, device.memory, device.facts.agent_version)
    if line.outcome is Outcome.REJECTED:
        return "until trust document, floor, overlay or agent change"
    if barred(device.memory, target, by):
        return "until a higher attempt or another overlay is ordered"
    wait = retry_after_seconds(device.memory, target, by)
    return f"tried again {wait / 60:.0f} min after it ended, while it is wanted" if wait else "tried again at once"


def _held(memory: Memory) -> tuple[Held, ...]:
    kept: list[Installed] = [one for one in (memory.committed, *memory.previous) if one is not None]
    return tuple(Held(one.version, one.release, one is memory.committed) for one in kept if one.version is not None)


def _chosen(memory: Memory) -> str | None:
    if memory.local is None:
        return None
    kept = [one for one in (memory.committed, *memory.previous) if one is not None]
    return next((one.version for one in kept if one.release == memory.local.release), None)
