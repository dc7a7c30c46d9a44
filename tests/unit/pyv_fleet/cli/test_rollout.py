"""`pyv-fleet rollout`: all that the API takes can be said, and how it ended is an exit code."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pyv_fleet.cli.rollout_follow import ENDS
from pyv_fleet.core.rollout import MOVES
from pyv_fleet.core.views import AnalysisView, Budgets, MeasureView, RolloutSpec, RolloutView
from pyv_fleet.core.words import MemberStanding, RolloutState, Verdict
from running.console import console
from running.faces import StandInDesk, rollout

SAW = "9 of 20 unhealthy"


def analysed() -> RolloutView:
    """Its canary was compared, and bad."""
    measure = MeasureView(measure="health", verdict=Verdict.BAD, decides=True, said=SAW)
    seen = AnalysisView(verdict=Verdict.BAD, said=f"the analysis says: {SAW}", measures=(measure,))
    canary, rest = rollout().waves
    return rollout(waves=(msgspec.structs.replace(canary, analysis=seen), rest))


CREATE = ("rollout", "create", "--channel", "stable", "--release", "1.2", "--reason", "x", "--no-wait")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (RolloutState.COMPLETED, 0),
        (RolloutState.SUPERSEDED, 6),
        (RolloutState.REVERTED, 7),
        (RolloutState.PAUSED, 9),
        (RolloutState.ABORTED, 9),
    ],
)
def test_each_way_to_rest_has_its_exit_code_and_is_said(tmp_path: Path, state: RolloutState, code: int) -> None:
    desk = StandInDesk(fleet_rollouts=[rollout(state=state, because="because of this")])
    with console(tmp_path, desk) as here:
        done = here("rollout", "watch")
    assert (done.exit_code, f"{state.value}: because of this" in done.stderr) == (code, True)


def test_no_state_in_which_nothing_more_happens_is_waited_on_for_ever() -> None:
    assert {state for state, moves in MOVES.items() if not moves} | {RolloutState.PAUSED} == ENDS.keys()


def test_a_paused_one_says_how_to_go_on(tmp_path: Path) -> None:
    desk = StandInDesk(fleet_rollouts=[rollout(state=RolloutState.PAUSED)])
    with console(tmp_path, desk) as here:
        assert "pyv-fleet rollout resume r-1" in here("rollout", "watch").stderr


def test_what_the_analysis_saw_is_said_of_every_wave_that_was_begun(tmp_path: Path) -> None:
    with console(tmp_path, StandInDesk(fleet_rollouts=[analysed()])) as here:
        shown, watched = here("rollout", "show").stdout, here("rollout", "watch")
        event = here("rollout", "status", "-o", "jsonl").stdout
    assert "wave 1: the analysis says: 9 of 20 unhealthy" in shown
    assert "health" in shown.splitlines()[-1]
    assert watched.stderr.count("wave 1: the analysis says: 9 of 20 unhealthy\n") == 1
    assert '"analysis":"the analysis says: 9 of 20 unhealthy"' in event


def test_the_devices_of_a_wave_are_told_by_their_standing(tmp_path: Path) -> None:
    desk = StandInDesk()
    with console(tmp_path, desk) as here:
        shown = here("rollout", "devices", "r-1", "--wave", "1", "--standing", "failed").stdout
    assert "FLEET-1  failed    FLEET-1 refused the release" in shown
    assert desk.asked == [("rollout_devices", "r-1", 1, MemberStanding.FAILED, None, 100)]


def test_what_is_not_said_is_the_apis_own_default(tmp_path: Path) -> None:
    desk = StandInDesk()
    with console(tmp_path, desk) as here:
        assert here(*CREATE).exit_code == 0
    assert desk.asked[0][1] == RolloutSpec(channel="stable", release="1.2", reason="x")


def test_budgets_baseline_and_supersede_reach_the_controller(tmp_path: Path) -> None:
    desk = StandInDesk()
    words = ("--budget-failed", "1.5", "--budget-lost", "100", "--baseline", "1.0", "--supersede")
    with console(tmp_path, desk) as here:
        here(*CREATE, *words)
    spec = desk.asked[0][1]
    assert spec.budgets == Budgets(failed_permyriad=150, lost_permyriad=10_000)
    assert (spec.baseline, spec.supersede) == ("1.0", True)


def test_a_budget_beyond_everybody_is_a_usage_error(tmp_path: Path) -> None:
    desk = StandInDesk()
    with console(tmp_path, desk) as here:
        done = here(*CREATE, "--budget-lost", "101")
    assert (done.exit_code, "--budget-lost" in done.stderr, desk.asked) == (2, True, [])
