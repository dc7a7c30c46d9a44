"""The update at work: golden against committed after every event, and what entering a phase does (rules 4, 5)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pyv_edge_agent.core import carrying, hooking, mending
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core import update as up
from pyv_edge_agent.core.activating import activate_at, press
from pyv_edge_agent.core.aim import aimed_at, barred, judged_by, objection, retry_after_seconds, tried
from pyv_edge_agent.core.content import hear_content
from pyv_edge_agent.core.device import Device, Turn
from pyv_edge_agent.core.effects import FetchOverHttp, Log
from pyv_edge_agent.core.gate import Failed, Passed, judge, next_look, seen
from pyv_edge_agent.core.lock import ask_before_turn
from pyv_edge_agent.core.memory import Trial
from pyv_edge_agent.core.moving import enter, go_back, move, reject
from pyv_edge_agent.core.staging import Unfit, lay
from pyv_edge_agent.core.waiting import settled_at, waits_for
from pyvorin_edge import topics
from pyvorin_edge.orders import Target
from pyvorin_edge.report import Result
from pyvorin_edge.vocabulary import Cause, Outcome, Phase, Refusal, WaitingFor

_NOTHING_CHANGED_YET: Final = (Phase.WAITING, Phase.FETCHING, Phase.STAGING)
#: what the release role signed, and this agent cannot obey
_UNFIT: Final = {Refusal.MALFORMED: Cause.MALFORMED, Refusal.UNSUPPORTED: Cause.UNSUPPORTED}
NEVER: Final = float("inf")
REVERT_RETRY_SECONDS_MAX: Final = 600.0
SPREAD_KEPT_SECONDS: Final = 30.0


def work(turn: Turn) -> None:
    """Bring golden and what is under way together; repeat until nothing moves."""
    for _ in range(8):
        before = turn.memory.trial
        _compare(turn)
        _press_on(turn)
        if turn.memory.trial is before:
            return


def goal(turn: Turn) -> Target | None:
    """What the device works towards now."""
    device = turn.device
    return aimed_at(device.facts.device_id, turn.memory, device.directive, device.assignment)


def fetch_anew(turn: Turn) -> None:
    """Trust changed: what was verified by the document before is verified again (PROTOCOL 4)."""
    if up.phase_of(turn.memory) is Phase.FETCHING:
        enter(turn, Phase.FETCHING)


def looked(turn: Turn, event: ev.Looked) -> None:
    """The store's answer while fetching: what is there need not be fetched."""
    trial, digest = turn.memory.trial, event.release or event.blob
    if trial is None or trial.phase is not Phase.FETCHING or digest is None:
        return
    topic = topics.release(digest) if event.release is not None else topics.blob(digest)
    if event.data is not None:
        take(turn, ev.Arrived(topic, event.data), stored=True)
    if (turn.device.release if event.release is not None else turn.device.blob) is None:
        turn.set(lacking=turn.device.lacking | {topic})


def take(turn: Turn, event: ev.Arrived, *, stored: bool = False) -> None:
    """A release or blob that the update under way lacks, from the network or the store (PROTOCOL 4).

    What the release role signed and this agent cannot obey is rejected. A signature that does not count is asked of
    the network, which may have a newer one, and then tried again later: anybody can spoil an envelope.
    """
    why = hear_content(turn, event, stored=stored)
    trial = turn.memory.trial
    if why is None or trial is None or topics.release(trial.target.release) != event.topic:
        return
    if why.code in _UNFIT:
        reject(turn, _UNFIT[why.code], f"release {trial.target.release[:12]}: {why.detail}")
    elif not stored:
        by = judged_by(turn.device.trust, turn.memory, turn.device.facts.agent_version)
        move(turn, up.GaveUp(Outcome.FAILED, Cause.SIGNATURE, why.detail, by))


def switched(turn: Turn, event: ev.Switched) -> None:
    """The live file is written and loaded, and the code that belongs to it runs."""
    trial = turn.memory.trial
    back = trial is not None and trial.phase is Phase.REVERTING
    if trial is not None and back and trial.unreached:
        carrying.back(turn)
    else:
        move(turn, up.InForce(event.effective_hash, turn.device.facts.agent_version, event.values))
    if trial is not None and back:
        hooking.reverted(turn, trial.staged)


def switch_failed(turn: Turn, event: ev.SwitchFailed) -> None:
    """Forward: go back. Back: try again a little later; the device says so meanwhile (rule 5)."""
    if up.phase_of(turn.memory) is Phase.REVERTING:
        tries = turn.device.revert_tries
        wait = min(REVERT_RETRY_SECONDS_MAX, turn.device.facts.limits.revert_retry_seconds * 2.0**tries)
        turn.set(revert_retry_at=turn.up + wait, revert_tries=tries + 1, waiting_for=WaitingFor.RETRY)
        turn.do(Log("error", f"going back failed, again in {wait:g} s: {event.detail}"))
        if event.lost:
            mending.lost(turn)
        _tell_stuck(turn, event.detail)
    else:
        move(turn, up.GaveUp(Outcome.FAILED, event.code, event.detail))


def staged(turn: Turn) -> None:
    """All lies ready."""
    if up.phase_of(turn.memory) is Phase.STAGING:
        turn.set(ready=True)


def stage_failed(turn: Turn, event: ev.StageFailed) -> None:
    """An unfit config is rejected; a full disk is worth another try."""
    if up.phase_of(turn.memory) not in (Phase.FETCHING, Phase.STAGING):
        return  # the store failed at something else: nothing to undo
    if event.code is Cause.INVALID:
        reject(turn, event.code, event.detail)
    else:
        move(turn, up.GaveUp(Outcome.FAILED, event.code, event.detail))


def health_seen(turn: Turn, event: ev.HealthSeen) -> None:
    """The newest health document; while proving it counts for the gate."""
    turn.set(health=event.document)
    trial, proof = turn.memory.trial, turn.device.proof
    if proof is not None and trial is not None and trial.phase is Phase.PROVING:
        turn.set(proof=seen(proof, trial.gate, event.document, turn.up))


def wanted_topics(turn: Turn) -> frozenset[str]:
    """The release or blob topic that is subscribed only while the digest is lacking (PROTOCOL 3)."""
    trial, release = turn.memory.trial, turn.device.release
    if trial is None or trial.phase is not Phase.FETCHING:
        return frozenset()
    if release is None:
        return turn.device.lacking & {topics.release(trial.target.release)}
    return turn.device.lacking & {topics.blob(release.config.sha256)} if turn.device.blob is None else frozenset()


def work_at(device: Device) -> float:
    """Uptime at which the update can move by time alone."""
    return min(_work_at(device), carrying.carry_at(device))


def _work_at(device: Device) -> float:
    limits = device.facts.limits
    match up.phase_of(device.memory):
        case Phase.SETTLED:
            return min(device.retry_at.values(), default=NEVER)
        case Phase.WAITING:
            return _wait_until(device)
        case Phase.FETCHING if device.release is None or device.blob is None:
            http, end = device.phase_since + limits.http_fetch_seconds, device.phase_since + limits.fetch_seconds
            return end if device.over_http else http
        case Phase.STAGING if device.ready:
            return activate_at(device)
        case Phase.PROVING if device.proof is not None and device.memory.trial is not None:
            gate = device.memory.trial.gate
            passed = isinstance(judge(device.proof, gate, device.uptime), Passed)  # then it waits for its fleet
            return NEVER if passed else next_look(device.proof, gate)
        case Phase.REVERTING:
            return device.revert_retry_at if device.revert_retry_at is not None else NEVER
        case _:
            return NEVER


def _compare(turn: Turn) -> None:
    """Golden against committed (rule 3), and a newer target against what is under way (rule 5)."""
    target = goal(turn)
    trial, committed = turn.memory.trial, turn.memory.committed
    done = target is not None and committed is not None and committed.holds(target)
    if trial is None:
        if target is not None and not done and _may_try(turn, target):
            turn.set(retry_at={})
            move(turn, up.Ordered(target, turn.device.machine_boot_id))
        elif turn.device.retry_at and (target is None or done):
            turn.set(retry_at={})
        return
    if trial.phase in _NOTHING_CHANGED_YET:
        if target is None or not target.same_as(trial.target):
            move(turn, up.Dropped("no golden is known" if target is None else "a newer target came"))
        elif target != trial.target:
            turn.remember(trial=replace(trial, target=target))
    elif trial.phase is Phase.PROVING and target is not None and not target.same_as(trial.target):
        move(turn, up.Dropped("a newer target came while it was proving"))


def _may_try(turn: Turn, target: Target) -> bool:
    device = turn.device
    by = judged_by(device.trust, turn.memory, device.facts.agent_version)
    line = tried(turn.memory, target)
    if line is None:
        return True
    wait = retry_after_seconds(turn.memory, target, by)
    if barred(turn.memory, target, by):
        if target.attempt > line.attempt:
            turn.set(memory=up.rejected_again(turn.memory, line, target, turn.now.wall_ms))
        return False
    if wait == 0.0:
        return True
    key = f"{target.release}/{target.overlay}/{line.attempt}/{line.outcome}/{line.tries}"
    if key not in device.retry_at:
        turn.set(retry_at={key: turn.up + wait})
        return False
    return turn.up >= device.retry_at[key]


def _press_on(turn: Turn) -> None:
    """What the phase under way can do now."""
    carrying.count(turn)
    match up.phase_of(turn.memory):
        case Phase.WAITING:
            _wait(turn)
        case Phase.FETCHING:
            _fetch(turn)
        case Phase.STAGING:
            press(turn)
        case Phase.PROVING:
            _prove(turn)
        case Phase.REVERTING if turn.device.back_since is not None:
            carrying.press(turn)
        case Phase.REVERTING if turn.device.revert_retry_at is not None and turn.up >= turn.device.revert_retry_at:
            turn.set(revert_retry_at=None)
            go_back(turn)
        case _:
            return


def _wait(turn: Turn) -> None:
    trial = turn.memory.trial
    if trial is None:
        return
    reason, left = waits_for(turn.device, trial, turn.now)
    if left is not None and _worth_keeping(turn, trial, left):
        turn.remember(trial=replace(trial, spread_left_seconds=left))
        turn.set(spread_began=turn.up)
    if reason in (WaitingFor.TURN, WaitingFor.LOCK) and ask_before_turn(turn):
        return
    turn.set(waiting_for=reason)
    if reason is None:
        move(turn, up.Due())


def _worth_keeping(turn: Turn, trial: Trial, left: float) -> bool:
    """First roll, first look after a restart, a shorter one, each half minute: not every tick is worth an fsync."""
    kept, began = trial.spread_left_seconds, turn.device.spread_began
    if kept is None or began is None or kept - left >= SPREAD_KEPT_SECONDS:
        return True
    return left < kept - (turn.up - began) - 1.0


def _wait_until(device: Device) -> float:
    trial = device.memory.trial
    settle, spread = settled_at(device), NEVER
    if trial is not None and trial.spread_left_seconds is not None and device.spread_began is not None:
        spread = device.spread_began + trial.spread_left_seconds
    later = [at for at in (settle, spread, device.uptime + 30.0) if at > device.uptime]
    return min(later, default=NEVER)


def _fetch(turn: Turn) -> None:
    device, trial = turn.device, turn.memory.trial
    if trial is None:
        return
    if device.release is not None and device.blob is not None:
        if not carrying.is_under_way(turn):
            _examine(turn, trial, device.blob)
        return
    waited = turn.up - device.phase_since
    missing = wanted_topics(turn)
    if waited >= device.facts.limits.fetch_seconds:
        move(turn, up.GaveUp(Outcome.FAILED, Cause.FETCH, f"not fetched within {waited:.0f} s"))
    elif waited >= device.facts.limits.http_fetch_seconds and missing - device.over_http:
        turn.set(over_http=device.over_http | missing)
        turn.do(*(FetchOverHttp(topic) for topic in sorted(missing)))


def _examine(turn: Turn, trial: Trial, blob: bytes) -> None:
    """All is there: may it begin, and is it fit? Anything else is rejected, with the cause."""
    device = turn.device
    release = device.release
    assert release is not None  # only called with both in hand
    against = objection(release, trial.target.release, device)
    if against is not None:
        reject(turn, *against)
        return
    laid = lay(release, trial.target, blob, device.assignment.overlay if device.assignment is not None else {})
    if isinstance(laid, Unfit):
        reject(turn, laid.code, laid.detail)
        return
    if not carrying.bring(turn, release):
        return
    turn.set(laid=laid.data)
    installed = replace(laid.installed, measured_by=device.facts.agent_version)
    judged = carrying.is_judged_by_reach(turn.memory, release)
    move(turn, up.Fetched(installed, release.gate, judged))


def _prove(turn: Turn) -> None:
    proof, trial = turn.device.proof, turn.memory.trial
    if proof is None or trial is None:
        return
    done = hooking.after(turn, trial)
    match judge(proof, trial.gate, turn.up):
        case Passed():
            if done and carrying.reach(turn, trial):
                move(turn, up.Proved())
        case Failed(why=why):
            move(turn, up.GaveUp(Outcome.FAILED, Cause.GATE, why))
        case None:
            return


def _tell_stuck(turn: Turn, why: str) -> None:
    """Rule 5: a revert that fails is reported, while it is tried again."""
    trial = turn.memory.trial
    if trial is None:
        return
    detail = f"going back failed: {why}; {trial.detail}"[:500]
    told = turn.state.result
    if told is None or told.detail != detail:
        target = trial.target
        stuck = Result(
            release=target.release,
            overlay=target.overlay,
            attempt=target.attempt,
            outcome=trial.outcome or Outcome.FAILED,
            code=trial.code,
            detail=detail,
            at=turn.now.wall_ms,
        )
        turn.note(result=stuck)
