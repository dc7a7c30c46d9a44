"""The update machine: every cell of its table, the count of starts, and what each end leaves in memory."""

from __future__ import annotations

import itertools

import pytest

from pyv_edge_agent.core import update as up
from pyv_edge_agent.core.memory import PREVIOUS_KEPT, QUARANTINE_KEPT, Memory, Trial, Tried
from pyvorin_edge.orders import Gate
from pyvorin_edge.vocabulary import Cause, Outcome, Phase
from running.brain import a_target, an_installed

AT = 1_800_000_000_000
MOVES: dict[type[up.Move], up.Move] = {
    up.Ordered: up.Ordered(a_target("a"), "m1"),
    up.Due: up.Due(),
    up.Fetched: up.Fetched(an_installed("a"), Gate()),
    up.LaidReady: up.LaidReady(),
    up.InForce: up.InForce("e" * 64),
    up.Proved: up.Proved(),
    up.GaveUp: up.GaveUp(Outcome.FAILED, Cause.GATE, "it is sick"),
    up.Dropped: up.Dropped("a newer target came"),
}


def in_phase(phase: Phase, **fields: object) -> Memory:
    committed = an_installed("c")
    if phase is Phase.SETTLED:
        return Memory(committed=committed)
    staged = None if phase in (Phase.WAITING, Phase.FETCHING) else an_installed("a")
    values = {"target": a_target("a"), "phase": phase, "staged": staged, "machine_boot_id": "m1", **fields}
    return Memory(committed=committed, trial=Trial(**values))  # type: ignore[arg-type]


@pytest.mark.parametrize(("phase", "move"), list(itertools.product(Phase, MOVES)))
def test_each_cell_of_the_table_moves_to_its_phase_or_does_nothing(phase: Phase, move: type[up.Move]) -> None:
    after = up.step(in_phase(phase), MOVES[move], AT)
    wanted = up.MOVES[phase].get(move)
    assert (None if after is None else up.phase_of(after)) == wanted


def test_passing_the_gate_commits_and_keeps_what_was_before() -> None:
    after = up.step(in_phase(Phase.PROVING), up.Proved(), AT)
    assert after is not None
    assert after.committed == an_installed("a")
    assert after.previous == (an_installed("c"),)
    assert after.state.result is not None
    assert after.state.result.outcome is Outcome.COMMITTED


def test_the_effective_hash_is_of_what_was_switched_to() -> None:
    after = up.step(in_phase(Phase.SWITCHING), up.InForce("e" * 64), AT)
    assert after is not None
    assert after.trial is not None
    assert after.trial.staged == an_installed("a", effective_hash="e" * 64)


def test_the_floor_rises_at_commit_and_never_sinks() -> None:
    proving = in_phase(Phase.PROVING, staged=an_installed("a", floor=3))
    raised = up.step(proving, up.Proved(), AT)
    assert raised is not None
    assert raised.state.floor == 3
    again = up.step(
        Memory(committed=raised.committed, state=raised.state, trial=in_phase(Phase.PROVING).trial), up.Proved(), AT
    )
    assert again is not None
    assert again.state.floor == 3


def test_going_back_and_forth_keeps_each_release_once_and_no_more_than_are_kept() -> None:
    memory = Memory(committed=an_installed("b"))
    for letter in "cdefcdcd":
        trial = Trial(target=a_target(letter), phase=Phase.PROVING, staged=an_installed(letter))
        after = up.step(Memory(committed=memory.committed, previous=memory.previous, trial=trial), up.Proved(), AT)
        assert after is not None
        memory = after
    assert [one.version for one in memory.previous] == ["c.0", "f.0", "e.0"]
    assert len(memory.previous) == PREVIOUS_KEPT >= 2


def test_a_commit_takes_its_release_out_of_quarantine() -> None:
    line = Tried(
        release=a_target("a").release,
        overlay=a_target("a").overlay,
        attempt=0,
        outcome=Outcome.FAILED,
        code=Cause.GATE,
        tries=1,
        switched=True,
    )
    proving = in_phase(Phase.PROVING)
    after = up.step(Memory(committed=proving.committed, trial=proving.trial, quarantine=(line,)), up.Proved(), AT)
    assert after is not None
    assert after.quarantine == ()


def test_a_failed_gate_is_quarantined_once_it_is_back() -> None:
    reverting = up.step(in_phase(Phase.PROVING), MOVES[up.GaveUp], AT)
    assert reverting is not None
    assert reverting.quarantine == ()
    back = up.step(reverting, up.InForce(None), AT)
    assert back is not None
    (line,) = back.quarantine
    assert (line.switched, line.outcome, line.code, line.tries) == (True, Outcome.FAILED, Cause.GATE, 1)
    assert back.committed == an_installed("c")


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.FETCHING, Phase.STAGING])
def test_being_superseded_is_told_and_not_held_against_the_release(phase: Phase) -> None:
    after = up.step(in_phase(phase), MOVES[up.Dropped], AT)
    assert after is not None
    assert after.quarantine == ()
    assert after.state.result is not None
    assert after.state.result.outcome is Outcome.SUPERSEDED


def test_superseded_while_proving_goes_back_first_and_is_not_held_against_it() -> None:
    reverting = up.step(in_phase(Phase.PROVING), MOVES[up.Dropped], AT)
    assert reverting is not None
    after = up.step(reverting, up.InForce(None), AT)
    assert after is not None
    assert after.quarantine == ()
    assert after.state.result is not None
    assert after.state.result.outcome is Outcome.SUPERSEDED


def start(memory: Memory, *machines: str) -> Memory:
    for machine in machines:
        memory = up.step(memory, up.Started(machine), AT) or memory
    return memory


def test_a_start_at_rest_changes_nothing() -> None:
    assert up.step(in_phase(Phase.SETTLED), up.Started("m1"), AT) is None


@pytest.mark.parametrize(
    ("phase", "again"),
    [
        (Phase.WAITING, Phase.WAITING),
        (Phase.FETCHING, Phase.FETCHING),
        (Phase.STAGING, Phase.FETCHING),
        (Phase.SWITCHING, Phase.SWITCHING),
        (Phase.PROVING, Phase.SWITCHING),
        (Phase.REVERTING, Phase.REVERTING),
    ],
)
def test_a_start_enters_the_phase_again_that_the_last_one_left(phase: Phase, again: Phase) -> None:
    assert up.phase_of(start(in_phase(phase), "m1")) is again


@pytest.mark.parametrize("phase", [Phase.WAITING, Phase.FETCHING, Phase.STAGING])
def test_starts_before_the_switch_are_not_counted(phase: Phase) -> None:
    trial = start(in_phase(phase), *["m1"] * 9).trial
    assert trial is not None
    assert trial.starts == 0


def test_three_starts_go_on_and_the_fourth_is_a_boot_loop() -> None:
    third = start(in_phase(Phase.PROVING), "m1", "m1", "m1")
    assert up.phase_of(third) is Phase.SWITCHING
    fourth = start(third, "m1").trial
    assert fourth is not None
    assert (fourth.phase, fourth.outcome, fourth.code) == (Phase.REVERTING, Outcome.FAILED, Cause.BOOT_LOOP)


def test_four_power_cuts_are_not_the_releases_fault() -> None:
    trial = start(in_phase(Phase.PROVING), "m2", "m3", "m4", "m5").trial
    assert trial is not None
    assert (trial.phase, trial.outcome, trial.code) == (Phase.REVERTING, Outcome.INCONCLUSIVE, Cause.POWER)


def test_starts_while_going_back_never_end_the_way_back() -> None:
    reverting = in_phase(Phase.REVERTING, outcome=Outcome.FAILED, code=Cause.GATE)
    trial = start(reverting, *["m1"] * 7).trial
    assert trial is not None
    assert (trial.phase, trial.outcome, trial.code) == (Phase.REVERTING, Outcome.FAILED, Cause.GATE)


def end(memory: Memory, outcome: Outcome, code: Cause, phase: Phase = Phase.REVERTING) -> Memory:
    trial = Trial(target=a_target("a"), phase=phase, outcome=outcome, code=code)
    tried = Memory(committed=memory.committed, quarantine=memory.quarantine, trial=trial)
    move = up.InForce(None) if phase is Phase.REVERTING else up.GaveUp(outcome, code, "")
    after = up.step(tried, move, AT)
    assert after is not None
    return after


def test_inconclusive_three_times_is_failed() -> None:
    memory = in_phase(Phase.SETTLED)
    outcomes = []
    for _ in range(3):
        memory = end(memory, Outcome.INCONCLUSIVE, Cause.POWER)
        outcomes.append(memory.quarantine[0].outcome)
    assert outcomes == [Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE, Outcome.FAILED]


def test_failed_downloads_do_not_count_as_inconclusive_tries() -> None:
    memory = in_phase(Phase.SETTLED)
    for _ in range(4):
        memory = end(memory, Outcome.FAILED, Cause.FETCH, Phase.FETCHING)
    memory = end(memory, Outcome.INCONCLUSIVE, Cause.POWER)
    assert (memory.quarantine[0].outcome, memory.quarantine[0].tries) == (Outcome.INCONCLUSIVE, 1)


def test_the_quarantine_has_one_line_a_target_and_an_end() -> None:
    memory = in_phase(Phase.SETTLED)
    for n in range(QUARANTINE_KEPT + 5):
        trial = Trial(
            target=a_target("a", overlay=f"{n:064x}"), phase=Phase.REVERTING, outcome=Outcome.FAILED, code=Cause.GATE
        )
        after = up.step(Memory(quarantine=memory.quarantine, trial=trial), up.InForce(None), AT)
        assert after is not None
        memory = after
    assert len(memory.quarantine) == QUARANTINE_KEPT
    assert memory.quarantine[0].overlay == f"{QUARANTINE_KEPT + 4:064x}"


def test_a_rejection_told_anew_bears_the_new_attempt() -> None:
    rejected = end(in_phase(Phase.SETTLED), Outcome.REJECTED, Cause.INVALID, Phase.FETCHING)
    again = up.rejected_again(rejected, rejected.quarantine[0], a_target("a", attempt=5), AT)
    assert again.quarantine[0].attempt == 5
    assert again.state.result is not None
    assert (again.state.result.attempt, again.state.result.outcome) == (5, Outcome.REJECTED)
