"""Hooks of this device: before a change they may forbid it, after it they are part of its proof.

A rollback and the way back are never stopped by a hook: there its failure is a line in the log. Each change that hooks
before it have seen ends with hooks after it: in force, or gone back from, or given up before it was made.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from pyv_edge_agent.core import events as ev
from pyv_edge_agent.core.device import HooksState, Turn
from pyv_edge_agent.core.effects import LeaveHooks, Log, RunHooks
from pyv_edge_agent.core.lock import let_go
from pyv_edge_agent.core.memory import Installed, Trial
from pyvorin_edge.vocabulary import HookMoment, HookReason, Phase, RuleKind, WaitingFor

#: a hook that asks to be run again is, after 30, 60 … 480 s, so often
AGAIN_MAX: Final = 5
AGAIN_FIRST_SECONDS: Final = 30.0


def is_put_off(turn: Turn, trial: Trial) -> bool:
    """Whether a hook before the change asked to be run again later; a rollback does not wait for that."""
    again_at = turn.device.hooks.again_at
    return again_at is not None and turn.up < again_at and trial.target.kind is not RuleKind.ROLLBACK


def before(turn: Turn, trial: Trial) -> bool:
    """Whether the hooks before the change ended well; else they are begun, or waited for."""
    hooks = turn.device.hooks
    if not turn.device.facts.guarded or hooks.passed:
        return True
    if hooks.running is None and trial.staged is not None:
        turn.set(waiting_for=None, hooks=replace(hooks, begun=True, seen=trial.staged))
        run(turn, HookMoment.BEFORE, HookReason.UPDATE, trial.staged, turn.memory.committed)
    return False


def after(turn: Turn, trial: Trial) -> bool:
    """Likewise those after it: while they run, nothing is proved."""
    hooks = turn.device.hooks
    if not turn.device.facts.guarded or hooks.passed:
        return True
    if hooks.running is None and trial.staged is not None:
        run(turn, HookMoment.AFTER, HookReason.UPDATE, trial.staged, turn.memory.committed)
    return False


def reverted(turn: Turn, was: Installed | None) -> None:
    """What was committed is in force again, or still."""
    committed = turn.memory.committed
    if turn.device.facts.guarded and committed is not None and turn.device.hooks.running is None:
        run(turn, HookMoment.AFTER, HookReason.REVERT, committed, was)


def run(
    turn: Turn,
    moment: HookMoment,
    reason: HookReason,
    installed: Installed,
    was: Installed | None,
    paths: tuple[str, ...] | None = None,
) -> None:
    """Begin them."""
    hooks = turn.device.hooks
    number = hooks.number + 1
    turn.set(hooks=replace(hooks, number=number, running=reason, again_at=None, paths=paths))
    turn.do(RunHooks(number=number, moment=moment, reason=reason, installed=installed, was=was, paths=paths))


def ended(turn: Turn, event: ev.HooksEnded) -> str | None:
    """What came of those that run; why the change cannot go on, or none."""
    hooks, trial = turn.device.hooks, turn.memory.trial
    turn.set(hooks=replace(hooks, running=None))
    if trial is None or hooks.running is not HookReason.UPDATE:
        if event.failed is not None:
            turn.do(Log("error", event.failed))
        return None
    if event.failed is None or trial.target.kind is RuleKind.ROLLBACK:
        if event.failed is not None:
            turn.do(Log("error", f"{event.failed}; a rollback goes on all the same"))
        turn.set(hooks=replace(turn.device.hooks, passed=True))
        return None
    if event.again and trial.phase is Phase.STAGING and hooks.tries < AGAIN_MAX:
        again_at = turn.up + AGAIN_FIRST_SECONDS * 2.0**hooks.tries
        turn.set(hooks=replace(turn.device.hooks, begun=False, tries=hooks.tries + 1, again_at=again_at))
        turn.set(waiting_for=WaitingFor.RETRY)
        let_go(turn)
        turn.do(Log("info", f"{event.failed}; it asked to be run again later"))
        return None
    return event.failed


def leave(turn: Turn, phase: Phase) -> None:
    """Another phase is entered: the hooks of an update's phase before end with it, if they run still.

    A change that is given up before it was made was seen by hooks, if some have begun; or before a restart, if it lay
    ready then.
    """
    hooks, trial = turn.device.hooks, turn.memory.trial
    if hooks.running is HookReason.UPDATE:
        turn.do(LeaveHooks())
        hooks = replace(hooks, running=None)
    seen = hooks.seen if phase is Phase.STAGING else None
    if phase is Phase.FETCHING and trial is not None:
        seen = trial.staged
    turn.set(hooks=HooksState(number=hooks.number, running=hooks.running, paths=hooks.paths, seen=seen))
    if phase is Phase.SETTLED and hooks.seen is not None:
        reverted(turn, hooks.seen)
