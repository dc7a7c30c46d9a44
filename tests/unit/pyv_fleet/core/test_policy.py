"""Policies: what a rollout does not say its policy says, and never fewer approvals."""

from __future__ import annotations

import datetime as dt

import pytest

from pyv_fleet.core.policy import DEFAULT, Asked, Freeze, Policy, PolicyError, WaveTerms, resolved, wave_terms

NIGHT = Freeze(
    begins_at=dt.datetime(2026, 12, 20, tzinfo=dt.UTC),
    ends_at=dt.datetime(2027, 1, 2, tzinfo=dt.UTC),
    reason="holidays",
)


def test_what_is_not_said_is_the_policys() -> None:
    whole = resolved(Asked(soak_seconds=5), Policy(soak_seconds=600, deadline_seconds=7200))
    assert (whole.soak_seconds, whole.deadline_seconds, whole.waves) == (5, 7200, DEFAULT.waves)


def test_approvals_can_be_added_and_never_taken_away() -> None:
    four_eyes = Policy(approvals=1)
    assert [resolved(Asked(approvals=asked), four_eyes).approvals for asked in (None, 0, 3)] == [1, 1, 3]


def test_a_wave_is_written_with_words_behind_it() -> None:
    assert wave_terms("site=berlin:5% soak=600 success=95 approve") == WaveTerms(
        cohort="site=berlin:5%", soak_seconds=600, success_permyriad=9500, approve=True
    )
    assert wave_terms("1%") == WaveTerms(cohort="1%")


@pytest.mark.parametrize("wave", ["1% soak=long", "1% hurry", "1% success=101", "1% soak=-1"])
def test_a_word_that_is_none_is_named(wave: str) -> None:
    with pytest.raises(PolicyError, match="wave"):
        wave_terms(wave)


def test_a_freeze_holds_from_its_beginning_to_before_its_end() -> None:
    begins, ends = (int(moment.timestamp() * 1000) for moment in (NIGHT.begins_at, NIGHT.ends_at))
    assert [NIGHT.holds_at(at) for at in (begins - 1, begins, ends - 1, ends)] == [False, True, True, False]
