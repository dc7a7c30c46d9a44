"""Who is stuck: whoever was late at two looks in a row, and nobody else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.core.pulse import Look, Part, look

UPDATER, SENSORS = Part.UPDATER, Part.SENSORS


def test_a_part_is_overdue_after_its_rest_and_the_patience_and_no_sooner() -> None:
    due = {UPDATER: 60.0}
    assert look(due, 70.0, Look(), 10.0).overdue == frozenset()
    assert look(due, 70.1, Look(), 10.0).overdue == {UPDATER}


def test_a_part_late_at_two_looks_is_stuck() -> None:
    first = look({UPDATER: 0.0, SENSORS: 100.0}, 50.0, Look(), 10.0)
    assert first.stuck == frozenset()
    assert look({UPDATER: 0.0, SENSORS: 100.0}, 60.0, first, 10.0).stuck == {UPDATER}


def test_a_machine_that_slept_finds_all_late_once_and_nobody_stuck() -> None:
    asleep = look(dict.fromkeys(Part, 0.0), 1e6, Look(), 10.0)
    awake = look(dict.fromkeys(Part, 1e6), 1e6 + 5, asleep, 10.0)
    assert (asleep.stuck, awake.stuck, awake.overdue) == (frozenset(), frozenset(), frozenset())


def test_nobody_who_is_not_expected_is_missed() -> None:
    assert look({}, 1e9, Look(overdue=frozenset(Part)), 0.0) == Look()


@given(
    st.lists(st.tuples(st.dictionaries(st.sampled_from(Part), st.floats(0, 100)), st.floats(0, 100)), max_size=6),
    st.floats(0.1, 50),
)
def test_stuck_is_late_now_and_late_before(looks: list[tuple[dict[Part, float], float]], patience: float) -> None:
    last = Look()
    for due, now in looks:
        before, last = last, look(due, now, last, patience)
        assert last.stuck == last.overdue & before.overdue
        assert all(now - due[part] > patience or now > due[part] + patience for part in last.overdue)
