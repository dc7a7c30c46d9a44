"""One move of the update machine, and what entering a phase does (PROTOCOL 5, rule 4).

Starting again is entering the state again, so every effect here can be repeated.
"""

from __future__ import annotations

from pyv_edge_agent.core import hooking, lock
from pyv_edge_agent.core import update as up
from pyv_edge_agent.core.aim import aimed_at, barred, judged_by
from pyv_edge_agent.core.device import Turn
from pyv_edge_agent.core.effects import (
    Establish,
    LeaveBundle,
    Log,
    Look,
    LookAtHealth,
    LookAtLive,
    Prune,
    Stage,
    Switch,
)
from pyv_edge_agent.core.gate import Proof
from pyv_edge_agent.core.memory import Installed
from pyvorin_edge.orders import Target
from pyvorin_edge.vocabulary import Cause, Outcome, Phase


def move(turn: Turn, what: up.Move) -> bool:
    """One move of the machine, and what entering its phase does; false if the table does not know it here."""
    before = up.phase_of(turn.memory)
    after = up.step(turn.memory, what, turn.now.wall_ms)
    if after is None:
        return False
    turn.set(memory=after)
    phase = up.phase_of(after)
    if phase is not before or isinstance(what, up.Started):
        _tell_of(turn, before, phase)
        enter(turn, phase)
    if isinstance(what, up.Proved):
        establish(turn)
    if _is_over(turn, what, before):
        turn.do(_keep_only(turn))
    return True


def enter(turn: Turn, phase: Phase) -> None:
    """What entering a phase does; starting again is entering the state again."""
    turn.set(phase_since=turn.up, waiting_for=None, reach_since=None)
    lock.leave(turn, phase)
    hooking.leave(turn, phase)
    trial = turn.memory.trial
    if phase in (Phase.SETTLED, Phase.FETCHING):
        _leave_bundle(turn)
    match phase:
        case Phase.SETTLED:
            turn.set(release=None, blob=None, laid=None, proof=None, spread_began=None, revert_tries=0)
            turn.do(LookAtHealth(turn.device.facts.limits.health_idle_seconds), LookAtLive())
        case Phase.FETCHING if trial is not None:
            turn.set(release=None, blob=None, over_http=frozenset(), lacking=frozenset())
            turn.do(Look(release=trial.target.release))
        case Phase.STAGING:
            _stage(turn)
        case Phase.SWITCHING if trial is not None and trial.staged is not None:
            turn.do(Switch(trial.staged, good=turn.memory.committed or trial.staged))
        case Phase.PROVING:
            turn.set(proof=Proof(began=turn.up), reach_after_seq=turn.device.seq, reached=False)
            turn.do(LookAtLive(), LookAtHealth(turn.device.facts.limits.health_look_seconds))
        case Phase.REVERTING:
            turn.set(proof=None, revert_retry_at=None, revert_tries=0, back_since=None)
            go_back(turn)
        case _:
            return


def reject(turn: Turn, code: Cause, detail: str) -> None:
    """It will not be tried until trust, floor, overlay or agent changed (rule 6)."""
    by = judged_by(turn.device.trust, turn.memory, turn.device.facts.agent_version)
    move(turn, up.GaveUp(Outcome.REJECTED, code, detail, by))


def go_back(turn: Turn) -> None:
    """Put what was committed in force again."""
    committed = turn.memory.committed
    if committed is not None:
        turn.do(Switch(committed, good=committed))


def establish(turn: Turn) -> None:
    """What is committed has proved itself: the launcher may rely on it."""
    if turn.memory.committed is not None:
        turn.do(Establish(turn.memory.committed))


def _is_over(turn: Turn, what: up.Move, before: Phase) -> bool:
    """Whether what the trial left in the store may go; without conclusion it is tried again, and not fetched anew.

    Not while another target is ahead: what it needs may lie in the store already, brought by a parcel.
    """
    device, committed = turn.device, turn.memory.committed
    ahead = aimed_at(device.facts.device_id, turn.memory, device.directive, device.assignment)
    if ahead is not None and (committed is None or not committed.holds(ahead)) and not _is_barred(turn, ahead):
        return False
    if isinstance(what, up.Proved):
        return True
    result = turn.state.result
    ended = before is Phase.REVERTING and turn.memory.trial is None
    return ended and result is not None and result.outcome is not Outcome.INCONCLUSIVE


def _is_barred(turn: Turn, target: Target) -> bool:
    return barred(turn.memory, target, judged_by(turn.device.trust, turn.memory, turn.device.facts.agent_version))


def _leave_bundle(turn: Turn) -> None:
    if turn.device.bundle_asked is not None and turn.device.bundle_ready is None:
        turn.do(LeaveBundle())
    turn.set(bundle_asked=None, bundle_ready=None)


def _stage(turn: Turn) -> None:
    trial, data = turn.memory.trial, turn.device.laid
    if trial is not None and trial.staged is not None and data is not None:
        turn.do(Stage(trial.staged, data))


def _keep_only(turn: Turn) -> Prune:
    kept: list[Installed] = [one for one in (turn.memory.committed, *turn.memory.previous) if one is not None]
    releases = frozenset(one.release for one in kept if one.release is not None)
    blobs = {one.file for one in kept} | {one.config for one in kept if one.config is not None}
    slots = frozenset(one.slot for one in kept if one.slot is not None)
    return Prune(releases=releases, blobs=frozenset(blobs), slots=slots)


def _tell_of(turn: Turn, before: Phase, after: Phase) -> None:
    trial, result = turn.memory.trial, turn.state.result
    if trial is not None:
        turn.do(Log("info", f"{before} -> {after}: release {trial.target.release[:12]} attempt {trial.target.attempt}"))
    elif result is not None:
        version = turn.memory.committed.version if turn.memory.committed is not None else None
        cause = f", {result.code}: {result.detail}" if result.code is not None else ""
        turn.do(
            Log("info", f"{result.outcome} release {result.release[:12]}{cause}; running {version or 'provisioned'}")
        )
