"""The one function that moves a device: `step(device, event, now)`, the same on a Pi and in the simulator.

The shell makes `device.memory` durable, then performs the effects in order; what comes of an effect is the next event
(PROTOCOL 5, rule 3). After every event golden is compared with committed: level-triggered, never by message alone.
"""

from __future__ import annotations

from typing import assert_never

from pyv_edge_agent.core import (
    activating,
    asked,
    carrying,
    checking,
    content,
    hearing,
    living,
    lock,
    mending,
    moving,
    reach,
    repairing,
    working,
)
from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core import update as up
from pyv_edge_agent.core.aim import local_choice, pardoned
from pyv_edge_agent.core.device import Device, Facts, Turn
from pyv_edge_agent.core.effects import Effect, Log, LookAtHealth, LookAtLive, Subscribe, Unsubscribe
from pyv_edge_agent.core.launching import INSTALLED
from pyv_edge_agent.core.memory import Memory
from pyv_edge_agent.core.telling import tell, tell_at
from pyvorin_edge.trust import Trust


def wake(facts: Facts, memory: Memory, trust: Trust) -> Device:
    """The device before its `Booted`: memory as read from disk, trust as verified from anchor and documents."""
    return Device(
        facts=facts,
        memory=memory,
        trust=trust,
        directive=hearing.recalled_directive(memory),
        assignment=hearing.recalled_assignment(memory),
    )


def step(device: Device, event: ev.Event, now: ev.Now) -> tuple[Device, tuple[Effect, ...]]:
    """One event. The caller makes the new memory durable, then performs the effects in order."""
    if isinstance(event, ev.Ticked) and now.synced == device.clock_synced and now.uptime_seconds < due_at(device):
        return device, ()
    turn = Turn(device, now)
    _clock(turn)
    _take(turn, event)
    working.work(turn)
    reach.consider(turn)
    reach.press(turn)
    mending.press(turn)
    living.press(turn)
    checking.press(turn)
    living.stand(turn)
    tell(turn)
    return turn.device, tuple(turn.effects)


def due_at(device: Device) -> float:
    """Uptime seconds at which the device next needs `Ticked`."""
    own = (tell_at, working.work_at, reach.reach_at, mending.mend_at, living.heal_at, checking.check_at)
    return min(at(device) for at in own)


def _clock(turn: Turn) -> None:
    """A clock that became synchronised asks again for what was refused for its sake (rule 1)."""
    became = turn.now.synced and not turn.device.clock_synced
    turn.set(uptime=turn.up, clock_synced=turn.now.synced)
    if became:
        _ask_again(turn)


def _take(turn: Turn, event: ev.Event) -> None:
    match event:
        case ev.Booted():
            _boot(turn, event)
        case ev.Connected():
            _connected(turn, event)
        case ev.Disconnected():
            turn.set(connected=False, on_candidate=False, subscribed=frozenset())
        case ev.Arrived():
            _arrived(turn, event)
        case ev.Acknowledged():
            reach.acknowledged(turn)
            carrying.acknowledged(turn, event.seq)
        case ev.Staged():
            working.staged(turn)
        case ev.StageFailed():
            working.stage_failed(turn, event)
        case ev.Switched():
            _switched(turn, event)
        case ev.SwitchFailed():
            _switch_failed(turn, event)
        case ev.HealthSeen():
            working.health_seen(turn, event)
        case ev.LiveSeen():
            living.live_seen(turn, event)
        case ev.RolledBackByHand():
            _by_hand(turn, event)
        case ev.PardonedByHand():
            turn.remember(quarantine=pardoned(turn.memory, event.release))
            turn.set(retry_at={})
        case ev.Looked():
            content.held_looked(turn, event)
            working.looked(turn, event)
            living.applied_read(turn, event)
        case ev.FetchedOverHttp():
            if event.data is not None:
                _arrived(turn, ev.Arrived(event.topic, event.data))
        case ev.BundleReady() | ev.BundleProgressed() | ev.BundleFailed():
            if not mending.heard(turn, event):
                carrying.bundle_heard(turn, event)
        case ev.LockSeen():
            lock.lock_seen(turn, event)
        case ev.LockPassedByHand():
            lock.lock_passed(turn)
        case ev.HooksEnded():
            working.work(turn)  # what is due begins first: nothing is repaired under it
            activating.hooks_ended(turn, event)
        case ev.LogsRead():
            asked.logs_read(turn, event)
        case ev.Ticked():
            return
        case _:
            assert_never(event)


def _boot(turn: Turn, event: ev.Booted) -> None:
    """Counters first: durable before the first message of this start."""
    turn.set(boot_id=event.boot_id, machine_boot_id=event.machine_boot_id, checked_at=turn.up)
    turn.note(boot=turn.state.boot + 1)
    hearing.enter_epoch(turn)
    if turn.memory.committed is None:
        living.first_start(turn, event.live)
    moving.move(turn, up.Started(event.machine_boot_id, event.fallen))
    if turn.memory.trial is None:
        _settle_at_boot(turn, event)
    living.start(turn)
    reach.boot(turn)
    content.verify_held(turn)
    turn.do(LookAtHealth(turn.device.facts.limits.health_idle_seconds))


def _settle_at_boot(turn: Turn, event: ev.Booted) -> None:
    """Nothing is on trial: what is committed is the launcher's to rely on, unless it just had to give that up.

    What it gave up while still on trial may be committed all the same: power went before it learned of that.
    """
    committed, fallen = turn.memory.committed, event.fallen
    slot = INSTALLED if committed is None or committed.slot is None else committed.slot
    if fallen is None or (fallen.slot == slot and not fallen.rescued):
        moving.establish(turn)
    elif fallen.lost and fallen.slot == slot:
        mending.lost(turn)
    else:
        turn.do(Log("error", f"the code of bundle {fallen.slot[:12]} does not start; the installed agent runs"))


def _connected(turn: Turn, event: ev.Connected) -> None:
    turn.set(
        connected=True,
        on_candidate=event.candidate,
        conn=turn.device.conn + 1,
        connected_at=turn.up,
        subscribed=frozenset(),
        told=(),
    )


def _arrived(turn: Turn, event: ev.Arrived) -> None:
    if asked.ask(turn, event):
        return
    before = turn.device.trust.version, turn.device.directive, turn.device.assignment
    hearing.hear(turn, event)
    working.take(turn, event)
    if turn.device.trust.version != before[0]:
        _ask_again(turn)
        content.verify_held(turn)
        working.fetch_anew(turn)
    if turn.device.directive is not before[1] or turn.device.assignment is not before[2]:
        turn.do(LookAtLive())  # the policy or what is ignored may have changed


def _ask_again(turn: Turn) -> None:
    """Rule 1: subscribe anew to what was refused only for epoch, key or time."""
    again = tuple(sorted(turn.device.ask_again & turn.device.subscribed))
    turn.set(ask_again=frozenset())
    if again:
        turn.do(Unsubscribe(again), Subscribe(again))


def _switched(turn: Turn, event: ev.Switched) -> None:
    if turn.device.remediating is None:
        working.switched(turn, event)
    else:
        repairing.remediated(turn)


def _switch_failed(turn: Turn, event: ev.SwitchFailed) -> None:
    if turn.device.remediating is None:
        working.switch_failed(turn, event)
    else:
        repairing.remedy_failed(turn, event.detail)


def _by_hand(turn: Turn, event: ev.RolledBackByHand) -> None:
    """Rule 15: durable, and in force until other rules, another pin or channel are accepted."""
    try:
        choice = local_choice(turn.memory, event.version, turn.device.directive, turn.device.assignment)
    except KeyError:
        turn.do(Log("error", f"no release {event.version!r} is held on this device"))
        return
    turn.remember(local=choice, quarantine=pardoned(turn.memory, choice.release))
