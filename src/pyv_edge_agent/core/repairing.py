"""A live file is written back (rule 14, policy `remediate`), between the same hooks as any other change."""

from __future__ import annotations

from pyv_edge_agent.core import hooking
from pyv_edge_agent.core.answering import respond
from pyv_edge_agent.core.device import Turn
from pyv_edge_agent.core.effects import Log, LookAtLive, WriteLive
from pyv_edge_agent.core.memory import Installed
from pyvorin_edge.vocabulary import HookMoment, HookReason, ResponseOutcome

#: who asked, when it was no request
BY_POLICY = "policy"


def remediate(turn: Turn, committed: Installed, asked_by: str, paths: tuple[str, ...] | None) -> None:
    """Write what was committed over the live file (rule 14): no trial, no quarantine. `paths` differ, if known."""
    turn.set(remediating=asked_by)
    if turn.device.facts.guarded:
        _run_hooks(turn, HookMoment.BEFORE, committed, paths)
    else:
        _write(turn, committed)


def repair_goes_on(turn: Turn, failed: str | None) -> None:
    """The hooks of a repair ended: those before it, and it is written back; or those after it."""
    committed = turn.memory.committed
    if failed is not None:
        turn.do(Log("error", failed))
    if turn.device.remediating is None or committed is None:
        return
    if failed is None and turn.memory.trial is None:
        _write(turn, committed)
    else:
        _end(turn, failed or "an update began meanwhile")


def remediated(turn: Turn) -> None:
    """The live file was written back."""
    committed, paths = turn.memory.committed, turn.device.hooks.paths
    _end(turn, None)
    if turn.device.facts.guarded and committed is not None:
        _run_hooks(turn, HookMoment.AFTER, committed, paths)


def remedy_failed(turn: Turn, detail: str) -> None:
    """It could not be written."""
    turn.do(Log("error", f"writing the committed config back failed: {detail}"))
    _end(turn, detail)


def _write(turn: Turn, committed: Installed) -> None:
    turn.do(Log("info", "drift: writing the committed config back"), WriteLive(committed))


def _run_hooks(turn: Turn, moment: HookMoment, committed: Installed, paths: tuple[str, ...] | None) -> None:
    hooking.run(turn, moment, HookReason.REPAIR, committed, None, paths)


def _end(turn: Turn, failed: str | None) -> None:
    asked_by = turn.device.remediating
    turn.set(remediating=None)
    turn.do(LookAtLive())
    if asked_by is not None and asked_by != BY_POLICY:
        outcome = ResponseOutcome.DONE if failed is None else ResponseOutcome.FAILED
        respond(turn, asked_by, outcome, None, {} if failed is None else {"detail": failed})
