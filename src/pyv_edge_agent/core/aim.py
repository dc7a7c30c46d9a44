"""What a device works towards, and what bars the way: golden, a choice by hand, quarantine (rules 6, 9, 10, 15)."""

from __future__ import annotations

from typing import Final

from pyv_edge_agent.core.device import Device
from pyv_edge_agent.core.memory import Installed, Local, Memory, Tried
from pyvorin_edge.canonical import config_hash
from pyvorin_edge.config.layers import closed_leaves
from pyvorin_edge.identity import DeviceId, Digest
from pyvorin_edge.orders import EMPTY_OVERLAY, Assignment, Directive, Release, Target, golden, overlay_digest
from pyvorin_edge.trust import Trust
from pyvorin_edge.vocabulary import Cause, Outcome, Phase, RuleKind
from pyvorin_edge.wire import encode

RETRY_FIRST_SECONDS: Final = 60.0
#: the cap of an agent that is run by its launcher
CAN_BUNDLE: Final = "bundle"
RETRY_MAX_SECONDS: Final = 3600.0


def held(memory: Memory) -> frozenset[Digest]:
    """The releases that the device holds, committed or proving: what `hold` rules ask."""
    found = {memory.committed.release} if memory.committed is not None else set()
    trial = memory.trial
    if trial is not None and trial.staged is not None and trial.phase in (Phase.SWITCHING, Phase.PROVING):
        found.add(trial.staged.release)
    return frozenset(release for release in found if release is not None)


def golden_target(
    device_id: str, memory: Memory, directive: Directive | None, assignment: Assignment | None
) -> Target | None:
    """Golden by the orders in force; none = unknown. With no bounds, the empty assignment will do (bench, parcel)."""
    if assignment is None and directive is not None and memory.state.heard_assignment is None:
        assignment = empty_assignment(device_id, directive)
    return golden(device_id, directive, assignment, held(memory))


def empty_assignment(device_id: str, directive: Directive) -> Assignment:
    """No labels, no overlay, the directive's own channel."""
    return Assignment(
        v=1,
        fleet=directive.fleet,
        epoch=directive.epoch,
        device_id=DeviceId(device_id),
        number=0,
        channel=directive.channel,
        issued_at=0,
        issued_by="none",
    )


def aimed_at(
    device_id: str, memory: Memory, directive: Directive | None, assignment: Assignment | None
) -> Target | None:
    """Golden, unless a rollback by hand stands for it (rule 15)."""
    wanted = golden_target(device_id, memory, directive, assignment)
    if memory.local is None:
        return wanted
    chosen = installed_of(memory, memory.local.release)
    return wanted if chosen is None else _by_hand(chosen, assignment)


def local_choice(memory: Memory, version: str, directive: Directive | None, assignment: Assignment | None) -> Local:
    """Rule 15's file for going back to `version`; KeyError if no such release is held."""
    for one in (memory.committed, *memory.previous):
        if one is not None and one.version == version:
            return Local(release=one.release, against=stands_against(directive, assignment))
    raise KeyError(version)


def stands_against(directive: Directive | None, assignment: Assignment | None) -> Digest:
    """Digest of the rules, pin and channel in force: other ones end a choice by hand (rule 15)."""
    return Digest(
        config_hash(
            {
                "channel": assignment.channel if assignment is not None else None,
                "pin": encode(assignment.pin).decode() if assignment is not None and assignment.pin else None,
                "rules": encode(directive.rules).decode() if directive is not None else None,
            }
        )
    )


def installed_of(memory: Memory, release: Digest | None) -> Installed | None:
    """What is kept whole of a release: committed or an earlier one."""
    kept = (memory.committed, *memory.previous)
    return next((one for one in kept if one is not None and one.release == release), None)


def pardoned(memory: Memory, release: Digest | None) -> tuple[Tried, ...]:
    """The quarantine without a release that a person on the device chose: they know what they do (rule 15)."""
    return tuple(line for line in memory.quarantine if line.release != release)


def tried(memory: Memory, target: Target) -> Tried | None:
    """The quarantine's line on a target, if there is one."""
    return next(
        (one for one in memory.quarantine if (one.release, one.overlay) == (target.release, target.overlay)), None
    )


def barred(memory: Memory, target: Target, judged_by: str) -> bool:
    """Rule 6: whether quarantine keeps the device from trying the target now; waits are another question."""
    line = tried(memory, target)
    if line is None:
        return False
    if line.outcome is Outcome.REJECTED:  # whatever the attempt
        return line.judged_by == judged_by
    if target.attempt > line.attempt:
        return False
    return line.switched and line.outcome is Outcome.FAILED


def retry_after_seconds(memory: Memory, target: Target, judged_by: str) -> float:
    """Rule 6: after a failure before the switch, or without conclusion: 1, 2, 4 … 60 minutes; 0 = at once.

    A signature that did not count is looked at again at once when trust changed.
    """
    line = tried(memory, target)
    if line is None or target.attempt > line.attempt or line.outcome is Outcome.REJECTED:
        return 0.0
    if line.code is Cause.SIGNATURE and line.judged_by != judged_by:
        return 0.0
    return min(RETRY_MAX_SECONDS, RETRY_FIRST_SECONDS * 2.0 ** (line.tries - 1))


def judged_by(trust: Trust, memory: Memory, agent_version: str) -> str:
    """What a rejection was judged by: another trust document, floor or agent judges anew (rule 6)."""
    return f"trust {trust.version}, floor {floor_of(trust, memory)}, agent {agent_version}"


def floor_of(trust: Trust, memory: Memory) -> int:
    """Rule 9: the highest of the trust document's and every committed release's floor."""
    return max(trust.floor, memory.state.floor)


def objection(release: Release, digest: Digest, device: Device) -> tuple[Cause, str] | None:
    """Why the device must not begin this release (rules 9, 10); none = it may."""
    assignment, trust, memory = device.assignment, device.trust, device.memory
    if digest in trust.revoked_releases:
        return Cause.REVOKED, f"release {release.version} is revoked by trust document {trust.version}"
    floor = floor_of(trust, memory)
    if release.security < floor:
        return Cause.BELOW_FLOOR, f"security {release.security} is below the floor {floor}"
    if release.bundle is not None and CAN_BUNDLE not in device.facts.caps:
        return Cause.BUNDLE, "this agent cannot take bundles: run it by its launcher, pyv-edge-launch"
    overlay = assignment.overlay if assignment is not None else {}
    closed = closed_leaves(overlay, release.open) if overlay_digest(overlay) != EMPTY_OVERLAY else ()
    if closed:
        return Cause.OVERLAY_CLOSED, f"the overlay sets {closed[0]}, which the release does not open"
    return None


def _by_hand(chosen: Installed, assignment: Assignment | None) -> Target | None:
    """A held release as a target, under the overlay of today; the provisioned config cannot be named, so is none."""
    if chosen.release is None:
        return None
    overlay = overlay_digest(assignment.overlay if assignment is not None else None)
    return Target(release=chosen.release, overlay=overlay, attempt=chosen.attempt, kind=RuleKind.ROLLBACK)
