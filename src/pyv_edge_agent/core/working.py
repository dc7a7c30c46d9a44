"""The update at work: golden against committed after every event, and what entering a phase does (rules 4, 5)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core import update as up
from pyv_edge_agent.core.aim import aimed_at, barred, judged_by, objection, retry_after_seconds
from pyv_edge_agent.core.device import Device, Turn
from pyv_edge_agent.core.effects import FetchOverHttp, Log, Look, LookAtHealth, LookAtLive, Prune, Stage, Switch
from pyv_edge_agent.core.gate import Failed, Passed, Proof, judge, next_look, seen
from pyv_edge_agent.core.hearing import hear
from pyv_edge_agent.core.memory import Installed, Trial
from pyv_edge_agent.core.staging import Unfit, lay
from pyv_edge_agent.core.waiting import waits_for
from pyvorin_edge import topics
from pyvorin_edge.orders import Target
from pyvorin_edge.vocabulary import Cause, Outcome, Phase

_NOTHING_CHANGED_YET: Final = (Phase.WAITING, Phase.FETCHING, Phase.STAGING)
NEVER: Final = float("inf")
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


def move(turn: Turn, what: up.Move) -> bool:
    """One move of the machine, and what entering its phase does; false if the table does not know it here."""
    before = up.phase_of(turn.memory)
    after = up.step(turn.memory, what, turn.now.wall_ms)
    if after is None:
        return False
    turn.set(memory=after)
    phase = up.phase_of(after)
    if phase is not before or isinstance(what, up.Started):
        _tell_of(turn, before, phase, what)
        enter(turn, phase)
    return True


def enter(turn: Turn, phase: Phase) -> None:
    """What entering a phase does; starting again is entering the state again."""
    turn.set(phase_since=turn.up, waiting_for=None)
    trial = turn.memory.trial
    match phase:
        case Phase.SETTLED:
            turn.set(release=None, blob=None, laid=None, proof=None, spread_began=None)
            turn.do(LookAtHealth(turn.device.facts.limits.health_idle_seconds), LookAtLive(), _keep_only(turn))
        case Phase.FETCHING if trial is not None:
            turn.set(release=None, blob=None, over_http=frozenset(), lacking=frozenset())
            turn.do(Look(release=trial.target.release))
        case Phase.STAGING:
            _stage(turn)
        case Phase.SWITCHING if trial is not None and trial.staged is not None:
            turn.do(Switch(trial.staged))
        case Phase.PROVING:
            turn.set(proof=Proof(began=turn.up))
            turn.do(LookAtLive(), LookAtHealth(turn.device.facts.limits.health_look_seconds))
        case Phase.REVERTING:
            turn.set(proof=None, revert_retry_at=None)
            _go_back(turn)
        case _:
            return


def looked(turn: Turn, event: ev.Looked) -> None:
    """The store's answer while fetching: what is there need not be fetched."""
    trial, digest = turn.memory.trial, event.release or event.blob
    if trial is None or trial.phase is not Phase.FETCHING or digest is None:
        return
    topic = topics.release(digest) if event.release is not None else topics.blob(digest)
    if event.data is not None:
        hear(turn, ev.Arrived(topic, event.data))
    if (turn.device.release if event.release is not None else turn.device.blob) is None:
        turn.set(lacking=turn.device.lacking | {topic})


def switched(turn: Turn, event: ev.Switched) -> None:
    """The live file is written and loaded."""
    move(turn, up.InForce(event.effective_hash))


def switch_failed(turn: Turn, event: ev.SwitchFailed) -> None:
    """Forward: go back. Back: try again a little later; the device says so meanwhile (rule 5)."""
    if up.phase_of(turn.memory) is Phase.REVERTING:
        turn.set(revert_retry_at=turn.up + turn.device.facts.limits.revert_retry_seconds)
        turn.do(Log("error", f"going back failed, trying again: {event.detail}"))
    else:
        move(turn, up.GaveUp(Outcome.FAILED, event.code, event.detail))


def stage_failed(turn: Turn, event: ev.StageFailed) -> None:
    """An unfit config is rejected; a full disk is worth another try."""
    if event.code is Cause.INVALID:
        _reject(turn, event.code, event.detail)
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
    limits = device.facts.limits
    match up.phase_of(device.memory):
        case Phase.SETTLED:
            return min((at for at in device.retry_at.values() if at > device.uptime), default=NEVER)
        case Phase.WAITING:
            return _wait_until(device)
        case Phase.FETCHING:
            http, end = device.phase_since + limits.http_fetch_seconds, device.phase_since + limits.fetch_seconds
            return end if device.over_http else http
        case Phase.PROVING if device.proof is not None and device.memory.trial is not None:
            return next_look(device.proof, device.memory.trial.gate)
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
            move(turn, up.Ordered(target, turn.device.machine_boot_id))
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
    if barred(turn.memory, target, judged_by(device.trust, turn.memory, device.facts.agent_version)):
        return False
    wait = retry_after_seconds(turn.memory, target)
    if wait == 0.0:
        return True
    key = f"{target.release}/{target.overlay}"
    if key not in device.retry_at:
        turn.set(retry_at={**device.retry_at, key: turn.up + wait})
        return False
    if turn.up < device.retry_at[key]:
        return False
    turn.set(retry_at={name: at for name, at in device.retry_at.items() if name != key})
    return True


def _press_on(turn: Turn) -> None:
    """What the phase under way can do now."""
    match up.phase_of(turn.memory):
        case Phase.WAITING:
            _wait(turn)
        case Phase.FETCHING:
            _fetch(turn)
        case Phase.PROVING:
            _prove(turn)
        case Phase.REVERTING if turn.device.revert_retry_at is not None and turn.up >= turn.device.revert_retry_at:
            turn.set(revert_retry_at=None)
            _go_back(turn)
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
    turn.set(waiting_for=reason)
    if reason is None:
        move(turn, up.Due())


def _worth_keeping(turn: Turn, trial: Trial, left: float) -> bool:
    """The first roll, the first look after a restart, and then each half minute: not every tick is worth an fsync."""
    kept = trial.spread_left_seconds
    return kept is None or turn.device.spread_began is None or kept - left >= SPREAD_KEPT_SECONDS


def _wait_until(device: Device) -> float:
    trial = device.memory.trial
    settle = NEVER
    if device.connected_at is not None:
        settle = device.connected_at + device.pace.settle_seconds
    spread = NEVER
    if trial is not None and trial.spread_left_seconds is not None and device.spread_began is not None:
        spread = device.spread_began + trial.spread_left_seconds
    later = [at for at in (settle, spread, device.uptime + 30.0) if at > device.uptime]
    return min(later, default=NEVER)


def _fetch(turn: Turn) -> None:
    device, trial = turn.device, turn.memory.trial
    if trial is None:
        return
    if device.release is not None and device.blob is not None:
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
    against = objection(release, trial.target.release, device.assignment, device.trust, turn.memory)
    if against is not None:
        _reject(turn, *against)
        return
    laid = lay(release, trial.target, blob, device.assignment.overlay if device.assignment is not None else {})
    if isinstance(laid, Unfit):
        _reject(turn, laid.code, laid.detail)
        return
    turn.set(laid=laid.data)
    move(turn, up.Fetched(laid.installed, release.gate))


def _stage(turn: Turn) -> None:
    trial, data = turn.memory.trial, turn.device.laid
    if trial is not None and trial.staged is not None and data is not None:
        turn.do(Stage(trial.staged, data))


def _reject(turn: Turn, code: Cause, detail: str) -> None:
    by = judged_by(turn.device.trust, turn.memory, turn.device.facts.agent_version)
    move(turn, up.GaveUp(Outcome.REJECTED, code, detail, by))


def _prove(turn: Turn) -> None:
    proof, trial = turn.device.proof, turn.memory.trial
    if proof is None or trial is None:
        return
    match judge(proof, trial.gate, turn.up):
        case Passed():
            move(turn, up.Proved())
        case Failed(why=why):
            move(turn, up.GaveUp(Outcome.FAILED, Cause.GATE, why))
        case None:
            return


def _go_back(turn: Turn) -> None:
    committed = turn.memory.committed
    if committed is not None:
        turn.do(Switch(committed))


def _keep_only(turn: Turn) -> Prune:
    kept: list[Installed] = [one for one in (turn.memory.committed, *turn.memory.previous) if one is not None]
    releases = frozenset(one.release for one in kept if one.release is not None)
    blobs = {one.file for one in kept} | {one.config for one in kept if one.config is not None}
    return Prune(releases=releases, blobs=frozenset(blobs))


def _tell_of(turn: Turn, before: Phase, after: Phase, what: up.Move) -> None:
    trial, result = turn.memory.trial, turn.state.result
    if trial is not None:
        turn.do(Log("info", f"{before} -> {after}: release {trial.target.release[:12]} attempt {trial.target.attempt}"))
    elif result is not None:
        version = turn.memory.committed.version if turn.memory.committed is not None else None
        cause = f", {result.code}: {result.detail}" if result.code is not None else ""
        turn.do(
            Log("info", f"{result.outcome} release {result.release[:12]}{cause}; running {version or 'provisioned'}")
        )
