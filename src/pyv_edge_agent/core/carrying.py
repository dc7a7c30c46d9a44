"""A release's bundle: brought before anything changes, and judged by whether the fleet is still reached (rule 7)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core import update as up
from pyv_edge_agent.core.aim import judged_by, tried
from pyv_edge_agent.core.device import Device, Turn
from pyv_edge_agent.core.effects import FetchBundle, LeaveBundle
from pyv_edge_agent.core.memory import Memory, Trial
from pyv_edge_agent.core.moving import move, reject
from pyv_edge_agent.core.patience import begun_at, keep_at
from pyvorin_edge.orders import Release
from pyvorin_edge.vocabulary import Cause, Outcome, Phase, WaitingFor

NEVER: Final = float("inf")


def is_judged_by_reach(memory: Memory, release: Release) -> bool:
    """Whether the fleet must be reached under the release: it changes the bundle, on a device that has met its fleet.

    What a person on the device chose is not: it must work without a network (rule 15).
    """
    slot = release.bundle.manifest_sha256 if release.bundle is not None else None
    committed = memory.committed.slot if memory.committed is not None else None
    return slot != committed and memory.state.met and memory.local is None


def bring(turn: Turn, release: Release) -> bool:
    """Have the bundle in its slot; false while it must be waited for, and for what is then known."""
    if is_judged_by_reach(turn.memory, release) and not turn.device.connected:
        turn.set(waiting_for=WaitingFor.LINK)
        return False
    turn.set(waiting_for=None)
    bundle = release.bundle
    if bundle is None or turn.device.bundle_ready == bundle.manifest_sha256:
        return True
    turn.set(bundle_asked=bundle.manifest_sha256, bundle_moved_at=turn.up)
    turn.do(FetchBundle(bundle, turn.device.trust))
    return False


def is_under_way(turn: Turn) -> bool:
    """Whether a bundle is on its way; one that stands still for too long has failed."""
    device = turn.device
    if device.bundle_asked is None or device.bundle_ready is not None:
        return False
    still = turn.up - device.bundle_moved_at
    if still >= device.facts.limits.fetch_seconds:
        turn.do(LeaveBundle())
        turn.set(bundle_asked=None)
        move(turn, up.GaveUp(Outcome.FAILED, Cause.FETCH, f"its bundle did not come on for {still:.0f} s"))
    return True


def bundle_heard(turn: Turn, event: ev.BundleReady | ev.BundleProgressed | ev.BundleFailed) -> None:
    """What came of `FetchBundle`; of another bundle than the one wanted now it says nothing."""
    if up.phase_of(turn.memory) is not Phase.FETCHING or turn.device.bundle_asked != event.slot:
        return
    match event:
        case ev.BundleReady(slot):
            turn.set(bundle_ready=slot)
        case ev.BundleProgressed():
            turn.set(bundle_moved_at=turn.up)
        case ev.BundleFailed(code=code, detail=detail):
            turn.set(bundle_asked=None)
            if code is Cause.BUNDLE:
                reject(turn, code, detail)
            else:
                by = judged_by(turn.device.trust, turn.memory, turn.device.facts.agent_version)
                move(turn, up.GaveUp(Outcome.FAILED, code, detail, by if code is Cause.SIGNATURE else ""))


def acknowledged(turn: Turn, seq: int) -> None:
    """A report arrived: the fleet was met. Said under what is being proved, or once it is back, it counts for reach."""
    if not turn.state.met:
        turn.note(met=True)
    trial = turn.memory.trial
    if trial is None or seq <= turn.device.reach_after_seq:
        return
    if trial.phase is Phase.PROVING and trial.reach and not turn.device.reached:
        turn.set(reached=True)
    elif trial.phase is Phase.REVERTING and turn.device.back_since is not None:
        _judge(turn, trial)


def reach(turn: Turn, trial: Trial) -> bool:
    """The gate is passed: whether the fleet was reached too. Not in time: the device goes back, to learn why."""
    if not trial.reach or turn.device.reached:
        return True
    limit, since = turn.device.facts.limits.reach_seconds, turn.device.reach_since
    if since is not None and turn.up >= since + limit:
        move(turn, up.Unreached(f"the fleet was not reached under it for {limit:.0f} s"))
    return False


def back(turn: Turn) -> None:
    """What was committed runs again, and tries to reach the fleet for as long."""
    move(turn, up.Back())
    trial, since = turn.memory.trial, turn.device.back_since
    if since is None and trial is not None:
        since = begun_at(turn.up, trial.spent_seconds, turn.device.facts.limits.reach_seconds)
    turn.set(back_since=since, reach_after_seq=turn.device.seq, waiting_for=WaitingFor.LINK)


def count(turn: Turn) -> None:
    """For how long the fleet is tried to be reached; a restart does not begin it anew."""
    trial, device = turn.memory.trial, turn.device
    if trial is None:
        return
    limit = device.facts.limits.reach_seconds
    if trial.phase is Phase.PROVING and device.reach_since is None:
        turn.set(reach_since=begun_at(turn.up, trial.spent_seconds, limit))
    since = _tried_since(turn.device)
    if since is not None and keep_at(since, trial.spent_seconds) <= turn.up < since + limit:
        turn.remember(trial=replace(trial, spent_seconds=turn.up - since))


def press(turn: Turn) -> None:
    """Nor was the fleet reached without it: that is not the release's fault."""
    since = turn.device.back_since
    if since is not None and turn.up >= since + turn.device.facts.limits.reach_seconds:
        turn.set(back_since=None)
        move(turn, up.Judged(Outcome.INCONCLUSIVE, Cause.UNREACHED, "the fleet was not reached without it either"))


def carry_at(device: Device) -> float:
    """Uptime at which a bundle or the reach is given up, by time alone."""
    trial = device.memory.trial
    limits = device.facts.limits
    match up.phase_of(device.memory):
        case Phase.FETCHING if device.bundle_asked is not None and device.bundle_ready is None:
            return device.bundle_moved_at + limits.fetch_seconds
        case Phase.PROVING | Phase.REVERTING if trial is not None:
            since = _tried_since(device)
            if since is None:
                return NEVER
            at = min(since + limits.reach_seconds, keep_at(since, trial.spent_seconds))
            # past it, only the gate is waited for while proving
            return at if trial.phase is Phase.REVERTING or at > device.uptime else NEVER
        case _:
            return NEVER


def _tried_since(device: Device) -> float | None:
    """Uptime since which the fleet is tried to be reached; none = it is not, or was."""
    trial = device.memory.trial
    if trial is None or trial.phase is Phase.REVERTING:
        return device.back_since
    return device.reach_since if trial.phase is Phase.PROVING and trial.reach and not device.reached else None


def _judge(turn: Turn, trial: Trial) -> None:
    """Reached without it: cut off by it. The first time nothing is concluded, for a broker may just have restarted."""
    before = tried(turn.memory, trial.target)
    again = before is not None and before.code is Cause.CUT_OFF and before.attempt == trial.target.attempt
    turn.set(back_since=None)
    outcome = Outcome.FAILED if again else Outcome.INCONCLUSIVE
    move(turn, up.Judged(outcome, Cause.CUT_OFF, "the fleet was reached at once without it"))
