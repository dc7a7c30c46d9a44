"""What of a device's word is a line in its history, and what is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pyv_fleet.core.history import DAY_MS, LANDMARKS, Kept, Moment, lines_between
from pyv_fleet.core.words import Happening
from pyvorin_edge.vocabulary import Connectivity, DriftKind, HealthStatus, Outcome, Phase, Standing, WaitingFor

CALM = Moment(
    connectivity=Connectivity.ONLINE, boot_id="one", agent_version="1", generation=4, number=2, phase=Phase.SETTLED,
    waiting_for=None, running_release="a" * 64, running_version="1.0", result_release="a" * 64, result_attempt=1,
    result_outcome=Outcome.COMMITTED, result_code=None, result_detail=None, standing=Standing.IN_STEP, drift_kinds=(),
    drift_paths=(), health_status=HealthStatus.HEALTHY, refused=None,
)  # fmt: skip
CHANGES: dict[str, tuple[Any, Happening, str]] = {
    "connectivity": (Connectivity.LOST, Happening.CONNECTION, "lost"),
    "boot_id": ("two", Happening.START, "it started"),
    "agent_version": ("2", Happening.AGENT, "1 → 2"),
    "number": (3, Happening.ASSIGNMENT, "it has assignment 3"),
    "generation": (5, Happening.ORDER, "it has generation 5 of its channel"),
    "refused": ("directive: malformed", Happening.REFUSED, "directive: malformed"),
    "phase": (Phase.FETCHING, Happening.PHASE, "fetching"),
    "standing": (Standing.LAGGING, Happening.DRIFT, "lagging"),
    "health_status": (HealthStatus.DEGRADED, Happening.HEALTH, "healthy → degraded"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_is_one_line_that_says_what_is_so_now(name: str) -> None:
    value, what, detail = CHANGES[name]
    (line,) = lines_between(CALM, replace(CALM, **{name: value}))
    assert (line.what, line.detail) == (what, detail)


def test_what_has_not_changed_is_no_line() -> None:
    assert lines_between(CALM, replace(CALM)) == ()


def test_a_wait_says_for_what() -> None:
    (line,) = lines_between(CALM, replace(CALM, phase=Phase.WAITING, waiting_for=WaitingFor.WINDOW))
    assert line.detail.startswith("waiting for window: ")


def test_an_update_that_went_back_says_why_and_what_it_runs() -> None:
    tried = replace(
        CALM, result_release="b" * 64, result_attempt=2, result_outcome=Outcome.FAILED, result_code="gate",
        result_detail="adapter t1 is silent",
    )  # fmt: skip
    (line,) = lines_between(CALM, tried)
    assert (line.what, line.detail) == (Happening.RESULT, f"failed: {'b' * 12}, attempt 2, gate, adapter t1 is silent")
    (line,) = lines_between(CALM, replace(CALM, running_release="b" * 64, running_version="1.1"))
    assert (line.what, line.detail) == (Happening.RELEASE, "1.0 → 1.1")


def test_drift_names_its_kinds_and_the_first_paths_never_values() -> None:
    paths = tuple(f"/p/{number}" for number in range(7))
    edited = replace(CALM, standing=Standing.DRIFTED, drift_kinds=(DriftKind.EDITED,), drift_paths=paths)
    (line,) = lines_between(CALM, edited)
    assert line.detail == "drifted, edited: /p/0, /p/1, /p/2, /p/3, /p/4 and 2 more"


def test_the_end_of_a_refusal_is_no_line() -> None:
    assert lines_between(replace(CALM, refused="x"), CALM) == ()


@given(st.sets(st.sampled_from(sorted(CHANGES))))
def test_several_changes_at_once_are_as_many_lines(names: set[str]) -> None:
    after = replace(CALM, **{name: CHANGES[name][0] for name in names})
    assert {line.what for line in lines_between(CALM, after)} == {CHANGES[name][1] for name in names}


def test_landmarks_are_kept_longer_than_the_rest_and_never_shorter() -> None:
    now = 1_000 * DAY_MS
    assert Kept(whole_days=30, landmarks_days=365).whole_since(now) == 970 * DAY_MS
    assert Kept(whole_days=30, landmarks_days=365).any_since(now) == 635 * DAY_MS
    assert Kept(whole_days=30, landmarks_days=1).any_since(now) == 970 * DAY_MS
    assert Happening.RESULT in LANDMARKS
    assert Happening.PHASE not in LANDMARKS
