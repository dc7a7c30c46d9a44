"""The wave's control is what the same draw left out: whom a person chose is in neither group."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.control_group import GROUP_MAX, drawn_groups, errors_in, fewer, figures_of, totals_of
from pyv_fleet.core.waves import Candidate, Line, members, parse_cohort, resolve

FLEET = [Candidate(f"FLEET-{one:03d}", {"kind": "real" if one % 4 == 0 else "simulated"}) for one in range(200)]


def lines_of(*cohorts: str) -> list[Line]:
    lines: list[Line] = []
    for cohort in cohorts:
        lines.append(resolve(parse_cohort(cohort), FLEET, "salt", lines))
    return lines


def sizes(*cohorts: str) -> tuple[int, int]:
    groups = drawn_groups(lines_of(*cohorts), "salt", FLEET)
    return sum(groups.values()), len(groups) - sum(groups.values())


def test_a_drawn_wave_is_compared_with_the_rest_of_the_channel() -> None:
    groups = drawn_groups(lines_of("10%"), "salt", FLEET)
    assert {one for one, in_wave in groups.items() if in_wave} == set(members(lines_of("10%"), FLEET, "salt"))
    assert len(groups) == 200


@pytest.mark.parametrize(
    ("cohorts", "wave", "control"),
    [
        (("5%", "20%"), 40, 160),
        (("kind=real:10%",), 5, 45),
        (("kind=real",), 0, 0),
        (("100%",), 0, 0),
    ],
    ids=["the second wave holds the first", "drawn among a label's", "all of a label's", "nobody left out"],
)
def test_only_what_was_drawn_is_compared(cohorts: tuple[str, ...], wave: int, control: int) -> None:
    assert sizes(*cohorts) == (wave, control)


@pytest.mark.parametrize("first", ["kind=real", "kind=real:1"])
def test_devices_that_an_earlier_wave_took_by_label_are_in_neither_group_nor_their_like(first: str) -> None:
    groups = drawn_groups(lines_of(first, "40%"), "salt", FLEET)
    assert not [device for device in FLEET if device.labels["kind"] == "real" and device.device_id in groups]
    assert sum(groups.values()) > 0


@given(st.integers(0, 3 * GROUP_MAX), st.integers(0, 3 * GROUP_MAX))
def test_large_groups_are_cut_to_what_a_look_can_bear(wave: int, control: int) -> None:
    groups = {f"FLEET-{one}": one < wave for one in range(wave + control)}
    chosen = fewer(groups)
    assert sum(chosen.values()) == min(wave, GROUP_MAX)
    assert len(chosen) == min(wave, GROUP_MAX) + min(control, GROUP_MAX)
    assert all(groups[one] is in_wave for one, in_wave in chosen.items())


def test_errors_are_the_agents_own_counters_together() -> None:
    health = {
        "agent": {"rules_undecided": 2, "readings_processed": 99},
        "cloud": {"dead_letters": 1, "evicted": 0},
        "ingest": {"readings_refused": 4, "readings_dropped": "many"},
    }
    assert errors_in(health) == 7.0


@pytest.mark.parametrize("health", [{}, {"agent": 3}, {"agent": {"rules_undecided": None}}, {"cloud": {"evicted": -1}}])
def test_a_health_document_without_counters_has_no_errors_known(health: dict[str, object]) -> None:
    assert totals_of(3, health) == {"restarts": 3.0}


def test_a_figure_that_is_not_known_is_left_out() -> None:
    assert figures_of(5.0, None, 0) == {"cpu": 5.0, "queue": 0.0}
