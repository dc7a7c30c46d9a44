"""All lies ready: what still keeps it from being put in force is the activation window, the update lock, and hooks.

A rollback skips window and lock (rule 5). The lock is ours from before the first hook until what was put in force has
begun to prove itself, so no application begins its work in between. What has begun, with its first hook, goes on when
its window closes.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core import hooking
from pyv_edge_agent.core import update as up
from pyv_edge_agent.core.device import Device, Turn
from pyv_edge_agent.core.lock import LOCK_LOOK_SECONDS, has_lock, let_go
from pyv_edge_agent.core.moving import move
from pyv_edge_agent.core.repairing import repair_goes_on
from pyv_edge_agent.core.waiting import activation_closed
from pyvorin_edge.vocabulary import Cause, HookReason, Outcome, Phase, RuleKind, WaitingFor

WINDOW_LOOK_SECONDS: Final = 30.0


def press(turn: Turn) -> None:
    """Put in force what lies ready, when nothing bars the way any more."""
    trial = turn.memory.trial
    if trial is None or not turn.device.ready or hooking.is_put_off(turn, trial):
        return
    if not turn.device.hooks.begun and trial.target.kind is not RuleKind.ROLLBACK and not _may_begin(turn):
        return
    if hooking.before(turn, trial):
        move(turn, up.LaidReady())


def activate_at(device: Device) -> float:
    """Uptime at which what lies ready is looked at again."""
    if device.waiting_for in (WaitingFor.WINDOW, WaitingFor.CLOCK):
        return device.uptime + WINDOW_LOOK_SECONDS
    if device.waiting_for is WaitingFor.LOCK and device.lock.asked_at is not None:
        return device.lock.asked_at + LOCK_LOOK_SECONDS
    return device.hooks.again_at if device.hooks.again_at is not None else float("inf")


def hooks_ended(turn: Turn, event: ev.HooksEnded) -> None:
    """What came of the hooks that run; of earlier ones it says nothing."""
    hooks = turn.device.hooks
    if event.number != hooks.number or hooks.running is None:
        return
    if hooks.running is HookReason.REPAIR:
        turn.set(hooks=replace(hooks, running=None))
        repair_goes_on(turn, event.failed)
        return
    why = hooking.ended(turn, event)
    if why is not None:
        # before the switch it is worth another try; after it, the release did not prove itself
        cause = Cause.HOOK if up.phase_of(turn.memory) is Phase.STAGING else Cause.GATE
        move(turn, up.GaveUp(Outcome.FAILED, cause, why))


def _may_begin(turn: Turn) -> bool:
    closed = activation_closed(turn.device, turn.now)
    if closed is not None:
        let_go(turn)
        turn.set(waiting_for=closed)
        return False
    return has_lock(turn)
