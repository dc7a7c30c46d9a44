"""The update machine: one table of moves, what each leaves in memory, no I/O (PROTOCOL 5, rules 4 to 6).

Starting again is entering the state again; before the switch nothing has changed, so there is nothing to undo.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec
from msgspec.structs import replace

from pyv_edge_agent.core.events import Fallen
from pyv_edge_agent.core.memory import PREVIOUS_KEPT, QUARANTINE_KEPT, Installed, Memory, Trial, Tried
from pyvorin_edge.orders import Gate, Target
from pyvorin_edge.report import Result
from pyvorin_edge.vocabulary import Cause, Outcome, Phase

STARTS_MAX: Final = 4
INCONCLUSIVE_MAX: Final = 3


class Ordered(msgspec.Struct, frozen=True):
    """There is a target other than what is committed."""

    target: Target
    machine_boot_id: str


class Due(msgspec.Struct, frozen=True):
    """Nothing is left to wait for."""


class Fetched(msgspec.Struct, frozen=True):
    """Release and config are in the store, and pass; `installed` is what would run."""

    installed: Installed
    gate: Gate
    #: judged by whether the fleet is reached under it too (rule 7)
    reach: bool = False


class LaidReady(msgspec.Struct, frozen=True):
    """The rendered file is durable."""


class InForce(msgspec.Struct, frozen=True):
    """The live file is switched and loaded, by the agent of this version."""

    effective_hash: str | None
    agent_version: str = ""
    #: key path → keyed digest of what comes from outside the file
    values: dict[str, str] = {}


class Proved(msgspec.Struct, frozen=True):
    """The gate is passed."""


class GaveUp(msgspec.Struct, frozen=True):
    """It cannot go on; after the switch the device goes back first."""

    outcome: Outcome
    code: Cause
    detail: str
    judged_by: str = ""


class Unreached(msgspec.Struct, frozen=True):
    """The gate is passed, but the fleet was not reached in time (rule 7)."""

    detail: str


class Back(msgspec.Struct, frozen=True):
    """What was committed runs again; whose fault it was is not known yet (rule 7)."""


class Judged(msgspec.Struct, frozen=True):
    """Now it is."""

    outcome: Outcome
    code: Cause
    detail: str


class Dropped(msgspec.Struct, frozen=True):
    """Another target, or none, took its place."""

    detail: str


class Started(msgspec.Struct, frozen=True):
    """The agent started while an update was under way; `fallen` if the launcher gave its code up."""

    machine_boot_id: str
    fallen: Fallen | None = None


Move: TypeAlias = (
    Ordered | Due | Fetched | LaidReady | InForce | Proved | GaveUp | Unreached | Back | Judged | Dropped | Started
)

MOVES: Final[Mapping[Phase, Mapping[type[Move], Phase]]] = {
    Phase.SETTLED: {Ordered: Phase.WAITING},
    Phase.WAITING: {Due: Phase.FETCHING, GaveUp: Phase.SETTLED, Dropped: Phase.SETTLED},
    Phase.FETCHING: {Fetched: Phase.STAGING, GaveUp: Phase.SETTLED, Dropped: Phase.SETTLED},
    Phase.STAGING: {LaidReady: Phase.SWITCHING, GaveUp: Phase.SETTLED, Dropped: Phase.SETTLED},
    Phase.SWITCHING: {InForce: Phase.PROVING, GaveUp: Phase.REVERTING},
    Phase.PROVING: {
        Proved: Phase.SETTLED,
        GaveUp: Phase.REVERTING,
        Unreached: Phase.REVERTING,
        Dropped: Phase.REVERTING,
    },
    Phase.REVERTING: {InForce: Phase.SETTLED, Back: Phase.REVERTING, Judged: Phase.SETTLED},
}


def phase_of(memory: Memory) -> Phase:
    """Where the update stands: settled exactly while there is no trial."""
    return Phase.SETTLED if memory.trial is None else memory.trial.phase


def step(memory: Memory, move: Move, at: int) -> Memory | None:
    """One move at `at` (Unix ms); none if the table does not know it here: late, repeated or out of order."""
    if isinstance(move, Started):
        return _started(memory, move, at)
    phase = MOVES[phase_of(memory)].get(type(move))
    if phase is None:
        return None
    if isinstance(move, Ordered):
        return replace(memory, trial=Trial(target=move.target, phase=phase, machine_boot_id=move.machine_boot_id))
    trial = memory.trial
    assert trial is not None  # every phase but settled has one
    return _learned(memory, trial, move, phase, at)


def _learned(memory: Memory, trial: Trial, move: Move, phase: Phase, at: int) -> Memory:
    match move:
        case Fetched():
            fetched = replace(trial, phase=phase, staged=move.installed, gate=move.gate, reach=move.reach)
            return replace(memory, trial=fetched)
        case InForce() if phase is Phase.PROVING and trial.staged is not None:
            by = move.agent_version or trial.staged.measured_by
            staged = replace(trial.staged, effective_hash=move.effective_hash, values=move.values, measured_by=by)
            return replace(memory, trial=replace(trial, phase=phase, staged=staged))
        case Proved() if trial.staged is not None:
            return _committed(memory, trial, trial.staged, at)
        case GaveUp() if phase is Phase.REVERTING:
            ending = replace(trial, phase=phase, outcome=move.outcome, code=move.code, detail=move.detail)
            return replace(memory, trial=ending)
        case Unreached():
            ending = replace(
                trial,
                phase=phase,
                unreached=True,
                spent_seconds=0.0,
                outcome=Outcome.INCONCLUSIVE,
                code=Cause.UNREACHED,
            )
            return replace(memory, trial=replace(ending, detail=move.detail))
        case Judged():
            return _ended(memory, trial, move.outcome, move.code, move.detail, at)
        case Dropped() if phase is Phase.REVERTING:
            return replace(
                memory, trial=replace(trial, phase=phase, outcome=Outcome.SUPERSEDED, code=None, detail=move.detail)
            )
        case GaveUp():
            return _ended(memory, trial, move.outcome, move.code, move.detail, at, move.judged_by)
        case Dropped():
            return _ended(memory, trial, Outcome.SUPERSEDED, None, move.detail, at)
        case InForce():
            return _ended(memory, trial, trial.outcome or Outcome.FAILED, trial.code, trial.detail, at)
        case _:
            return replace(memory, trial=replace(trial, phase=phase))


def rejected_again(memory: Memory, line: Tried, target: Target, at: int) -> Memory:
    """Rule 6: a rejection stands for a higher attempt too; it is only told anew, so that nobody waits for that one."""
    last = memory.state.result
    same = last is not None and (last.release, last.overlay) == _key(target)
    detail = last.detail if last is not None and same else line.code.sentence
    rest = tuple(one for one in memory.quarantine if one is not line)
    return replace(
        memory,
        quarantine=(replace(line, attempt=target.attempt), *rest),
        state=replace(
            memory.state, result=_result(Trial(target=target, phase=Phase.WAITING), line.outcome, line.code, detail, at)
        ),
    )


def _started(memory: Memory, move: Started, at: int) -> Memory | None:
    """Rule 6: starts are counted from the switch on; the fourth ends the trial."""
    trial = memory.trial
    if trial is None:
        return None
    if trial.phase not in (Phase.SWITCHING, Phase.PROVING, Phase.REVERTING):
        # nothing has changed yet; the rendered bytes were not kept, so staging begins at the store again
        again = Phase.FETCHING if trial.phase is Phase.STAGING else trial.phase
        return replace(memory, trial=replace(trial, phase=again))
    if trial.phase is Phase.PROVING and trial.staged is not None and trial.staged == memory.committed:
        return _committed(memory, trial, trial.staged, at)  # power went between two files of the commit
    fallen = move.fallen
    if fallen is not None and trial.staged is not None and trial.staged.slot == fallen.slot:
        return replace(memory, trial=_fell(trial, fallen))
    same = move.machine_boot_id == trial.machine_boot_id
    counted = replace(
        trial,
        starts=trial.starts + 1,
        starts_same_boot=trial.starts_same_boot + 1 if same else 1,
        machine_boot_id=move.machine_boot_id,
        # what was being proved is put in force again: the file may have been edited while the agent was down
        phase=Phase.SWITCHING if trial.phase is Phase.PROVING else trial.phase,
    )
    if counted.starts >= STARTS_MAX and counted.phase is Phase.SWITCHING:
        counted = _looped(counted, counted.starts, counted.starts_same_boot)
    return replace(memory, trial=counted)


def _fell(trial: Trial, fallen: Fallen) -> Trial:
    if not fallen.full or (trial.phase is Phase.REVERTING and trial.outcome is not None):
        return _looped(trial, fallen.starts, fallen.starts_same_boot)
    detail = f"the disk was full after {fallen.starts} starts"
    return replace(trial, phase=Phase.REVERTING, outcome=Outcome.FAILED, code=Cause.DISK, detail=detail)


def _looped(trial: Trial, starts: int, starts_same_boot: int) -> Trial:
    """Four starts without settling: the release's fault, unless the machine itself restarted among them."""
    if trial.phase is Phase.REVERTING and trial.outcome is not None:
        return trial  # it goes back already, and why is known
    looped = starts_same_boot >= STARTS_MAX
    return replace(
        trial,
        phase=Phase.REVERTING,
        outcome=Outcome.FAILED if looped else Outcome.INCONCLUSIVE,
        code=Cause.BOOT_LOOP if looped else Cause.POWER,
        detail=f"{starts} starts without settling",
    )


def _committed(memory: Memory, trial: Trial, installed: Installed, at: int) -> Memory:
    before = (one for one in (memory.committed, *memory.previous) if one is not None and not one.holds(trial.target))
    # each once: power may have gone between two files of a commit
    earlier = tuple({(one.release, one.overlay): one for one in before}.values())
    kept = tuple(one for one in memory.quarantine if (one.release, one.overlay) != _key(trial.target))
    state = replace(
        memory.state,
        floor=max(memory.state.floor, installed.floor),  # rule 9: raised at commit
        result=_result(trial, Outcome.COMMITTED, None, "", at),
    )
    return replace(
        memory,
        committed=installed,
        previous=earlier[:PREVIOUS_KEPT],
        quarantine=kept,
        trial=None,
        state=state,
    )


def _ended(
    memory: Memory, trial: Trial, outcome: Outcome, code: Cause | None, detail: str, at: int, judged_by: str = ""
) -> Memory:
    """Every end but committed and superseded goes into quarantine (rule 6)."""
    quarantine = memory.quarantine
    if code is not None and outcome is not Outcome.SUPERSEDED:
        before = next((one for one in quarantine if (one.release, one.overlay) == _key(trial.target)), None)
        tries = 1 + (before.tries if before is not None and _same_end(before, trial, outcome) else 0)
        if outcome is Outcome.INCONCLUSIVE and tries >= INCONCLUSIVE_MAX:
            outcome = Outcome.FAILED
        tried = Tried(
            release=trial.target.release,
            overlay=trial.target.overlay,
            attempt=trial.target.attempt,
            outcome=outcome,
            code=code,
            tries=tries,
            switched=trial.phase is Phase.REVERTING,
            judged_by=judged_by,
        )
        rest = tuple(one for one in quarantine if one is not before)
        quarantine = (tried, *rest)[:QUARANTINE_KEPT]
    state = replace(memory.state, result=_result(trial, outcome, code, detail, at))
    return replace(memory, trial=None, quarantine=quarantine, state=state)


def _same_end(before: Tried, trial: Trial, outcome: Outcome) -> bool:
    """Whether the attempt ended this way already: power cuts and failed downloads are counted apart."""
    return (before.attempt, before.outcome) == (trial.target.attempt, outcome)


def _result(trial: Trial, outcome: Outcome, code: Cause | None, detail: str, at: int) -> Result:
    target = trial.target
    return Result(
        release=target.release,
        overlay=target.overlay,
        attempt=target.attempt,
        outcome=outcome,
        code=code,
        detail=detail[:500],
        at=at,
    )


def _key(target: Target) -> tuple[str, str]:
    return target.release, target.overlay
