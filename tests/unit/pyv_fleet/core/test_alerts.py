"""The machine of one device under one rule: held before it is raised, over before it is resolved, never flapping."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.alert_facts import Reading
from pyv_fleet.core.alert_rules import AlertRule, Threshold
from pyv_fleet.core.alerts import RAISED, Hold, Move, due_ms, step
from pyv_fleet.core.words import HoldState

RULE = AlertRule(when=Threshold(figure="queue_depth", above=5000), for_seconds=10, clear_for_seconds=20)
Said = list[tuple[int, Reading]]


def moves(said: Said, rule: AlertRule = RULE) -> list[tuple[int, Move]]:
    """What becomes of the alert when this is read at these seconds."""
    hold, found = None, []
    for second, reading in said:
        stepped = step(rule, hold, reading, second * 1000)
        hold = stepped.hold
        if stepped.move is not None:
            found.append((second, stepped.move))
    return found


def test_it_is_raised_when_it_held_long_enough_and_resolved_when_it_was_over_long_enough() -> None:
    said = [(0, Reading.HOLDS), (9, Reading.HOLDS), (10, Reading.HOLDS), (30, Reading.OVER), (49, Reading.OVER)]
    assert moves([*said, (50, Reading.OVER)]) == [(10, Move.RAISE), (50, Move.RESOLVE)]


def test_what_ends_before_its_time_is_no_alert() -> None:
    for end in (Reading.OVER, Reading.OPEN):
        assert moves([(0, Reading.HOLDS), (9, end), (10, Reading.HOLDS), (19, Reading.HOLDS)]) == []


def test_one_that_is_unknown_stays_as_it_is() -> None:
    raised = [(0, Reading.HOLDS), (10, Reading.HOLDS)]
    assert moves([*raised, (99, Reading.OPEN), (999, Reading.OPEN)]) == [(10, Move.RAISE)]


def test_the_clock_runs_on_while_nothing_is_heard() -> None:
    assert moves([(0, Reading.HOLDS), (60, Reading.UNHEARD), (61, Reading.HOLDS)]) == [(61, Move.RAISE)]


def test_a_device_that_the_rule_is_no_longer_for_has_no_alert() -> None:
    assert moves([(0, Reading.HOLDS), (10, Reading.HOLDS), (11, Reading.NOT_MEANT)])[-1] == (11, Move.RESOLVE)


def test_without_times_it_is_raised_and_resolved_at_once() -> None:
    at_once = msgspec.structs.replace(RULE, for_seconds=0, clear_for_seconds=0)
    assert moves([(1, Reading.HOLDS), (2, Reading.OVER)], at_once) == [(1, Move.RAISE), (2, Move.RESOLVE)]


def test_an_alert_for_its_group_takes_the_place_of_its_own_and_gives_it_back() -> None:
    hold = Hold(state=HoldState.FIRING, since=0, at=10_000)
    covered = step(RULE, hold, Reading.HOLDS, 20_000, covered=True)
    assert covered.move is Move.RESOLVE
    again = step(RULE, covered.hold, Reading.HOLDS, 30_000)
    assert (again.move, again.hold and again.hold.state) == (Move.RAISE, HoldState.FIRING)
    assert step(RULE, covered.hold, Reading.OVER, 30_000) == step(RULE, None, Reading.OVER, 30_000)


@pytest.mark.parametrize("state", list(HoldState))
def test_what_waits_for_its_time_says_until_when(state: HoldState) -> None:
    due = due_ms(RULE, Hold(state=state, since=1_000, at=2_000))
    assert due == {HoldState.PENDING: 11_000, HoldState.CLEARING: 22_000}.get(state)


readings = st.lists(st.tuples(st.integers(1, 15), st.sampled_from(list(Reading))), max_size=40)


@given(readings)
def test_raised_and_resolved_take_turns_and_a_restart_changes_nothing(said: list[tuple[int, Reading]]) -> None:
    now, hold, raised = 0, None, False
    for gap, reading in said:
        now += gap * 1000
        stepped = step(RULE, hold, reading, now)
        if stepped.move is not None:
            assert (stepped.move is Move.RAISE) != raised
            raised = not raised
        assert (stepped.hold is not None and stepped.hold.state in RAISED) == raised
        hold = msgspec.json.decode(msgspec.json.encode(stepped.hold), type=Hold | None)  # as the store has it


@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from([Reading.HOLDS, Reading.OPEN])), max_size=60))
def test_a_figure_that_trembles_at_its_limit_raises_at_most_once(said: list[tuple[int, Reading]]) -> None:
    now, times = 0, []
    for gap, reading in said:
        now += gap
        times.append((now, reading))
    assert len(moves(times)) <= 1
