"""The update lock that an application may hold: while it does, nothing is put in force; downloads go on."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.device import LockState, Turn
from pyv_edge_agent.core.effects import FreeLock, Log, LookAtLock
from pyv_edge_agent.core.update import phase_of
from pyvorin_edge.vocabulary import Phase, WaitingFor

#: between two looks at a lock that keeps an update waiting
LOCK_LOOK_SECONDS: Final = 2.0


def has_lock(turn: Turn) -> bool:
    """Whether nobody else holds it, or this update goes on all the same; else it is asked, or waited for."""
    device, lock = turn.device, turn.device.lock
    if not device.facts.guarded or lock.ours or lock.passed:
        return True
    if lock.asked_at is None or turn.up >= lock.asked_at + LOCK_LOOK_SECONDS:
        turn.set(lock=replace(lock, asked_at=turn.up))
        turn.do(LookAtLock(take=True))
    if lock.holder is not None:
        turn.set(waiting_for=WaitingFor.LOCK)
    return False


def ask_before_turn(turn: Turn) -> bool:
    """Whether the lock must be seen before the device may say that it waits for its turn."""
    lock = turn.device.lock
    if not turn.device.facts.guarded or (lock.asked_at is not None and turn.up < lock.asked_at + LOCK_LOOK_SECONDS):
        return False
    turn.set(lock=replace(lock, asked_at=turn.up))
    turn.do(LookAtLock(take=False))
    return lock.asked_at is None


def lock_seen(turn: Turn, event: ev.LockSeen) -> None:
    """The answer; one that comes too late gives the lock back."""
    phase, lock = phase_of(turn.memory), turn.device.lock
    if phase not in (Phase.WAITING, Phase.STAGING):
        if event.ours:
            turn.do(FreeLock())
        return
    since = None if event.holder is None else lock.since if lock.since is not None else turn.up
    if event.holder is not None and lock.holder is None:
        turn.do(Log("info", f"the update lock is held by {event.holder}"))
    turn.set(lock=replace(lock, holder=event.holder, ours=event.ours, since=since))
    if since is not None and not lock.passed and 0 < event.most_seconds <= turn.up - since:
        turn.do(Log("warning", f"the update lock is held by {event.holder} for too long: the update goes on"))
        _pass(turn)


def lock_passed(turn: Turn) -> None:
    """A person at the device decides that this update does not wait for the lock."""
    if phase_of(turn.memory) in (Phase.WAITING, Phase.FETCHING, Phase.STAGING):
        turn.do(Log("warning", "the update under way goes on in spite of the update lock: someone at the device chose"))
        _pass(turn)


def let_go(turn: Turn) -> None:
    """The change does not begin yet after all: a lock of ours is free meanwhile, and asked for again then."""
    lock = turn.device.lock
    if lock.ours:
        turn.do(FreeLock())
        turn.set(lock=replace(lock, ours=False, asked_at=None))


def leave(turn: Turn, phase: Phase) -> None:
    """Another phase is entered: nothing lies ready, and a lock of ours is let go once the switch is over."""
    lock = turn.device.lock
    if lock.ours and phase is not Phase.SWITCHING:
        turn.do(FreeLock())
    kept = LockState(since=lock.since, passed=lock.passed) if phase is not Phase.SETTLED else LockState()
    turn.set(ready=False, lock=replace(kept, ours=lock.ours) if phase is Phase.SWITCHING else kept)


def _pass(turn: Turn) -> None:
    turn.set(lock=replace(turn.device.lock, passed=True))
