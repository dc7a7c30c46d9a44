"""The bet on who comes next is fair to every draw of the wave, and wins when the wave comes first."""

from __future__ import annotations

from itertools import combinations
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.evidence import CERTAIN, Race, onwards, strongest_possible


@pytest.mark.parametrize(("wave", "control"), [(2, 6), (5, 5), (7, 3)])
def test_over_all_draws_of_the_wave_it_passes_one_in_alpha_in_alpha_of_them_at_most(wave: int, control: int) -> None:
    total = wave + control
    strongest = [
        onwards(Race(wave, control), [place in drawn for place in range(total)]).strongest
        for drawn in combinations(range(total), wave)
    ]
    for alpha in (0.2, 0.1, 0.05, 0.02):
        assert sum(one >= 1 / alpha for one in strongest) <= alpha * comb(total, wave)


@pytest.mark.parametrize(("wave", "control"), [(2, 6), (5, 5)])
def test_the_bets_are_fair_the_mean_over_all_draws_is_one(wave: int, control: int) -> None:
    ends = [
        onwards(Race(wave, control), [place in drawn for place in range(5)])
        for drawn in combinations(range(wave + control), wave)
    ]
    assert sum(sum(end.bets) / len(end.bets) for end in ends) / len(ends) == pytest.approx(1.0)


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 40))
def test_it_is_the_same_whether_they_come_one_by_one_or_together(order: list[bool], cut: int) -> None:
    race = Race(sum(order), len(order) - sum(order))
    assert onwards(onwards(race, order[:cut]), order[cut:]) == onwards(race, order)


@given(st.lists(st.booleans(), max_size=40))
def test_evidence_never_falls_again(order: list[bool]) -> None:
    race = Race(sum(order), len(order) - sum(order))
    seen = [race.strongest] + [(race := onwards(race, [one])).strongest for one in order]
    assert seen == sorted(seen)


def test_a_wave_that_all_comes_first_is_the_strongest_there_is() -> None:
    first = onwards(Race(4, 12), [True] * 4 + [False] * 12)
    assert first.strongest == strongest_possible(4, 12)
    assert first.strongest > onwards(Race(4, 12), [True, True, False, True, True] + [False] * 11).strongest


def test_a_control_that_comes_first_is_no_evidence_against_the_wave() -> None:
    assert onwards(Race(10, 10), [False] * 10 + [True] * 10).strongest == 1.0


def test_large_groups_stay_finite() -> None:
    assert CERTAIN <= strongest_possible(5_000, 50_000) < CERTAIN * 100
