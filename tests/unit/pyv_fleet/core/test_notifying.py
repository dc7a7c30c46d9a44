"""When a group of alerts is told, what is told, and how long a sink that fails is left alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.notifying import (
    ALERTS_TOLD_MAX,
    Group,
    Notification,
    Timing,
    ToldAlert,
    due_ms,
    given_up,
    grave_enough,
    group_key,
    notification,
    wait_seconds,
)
from pyv_fleet.core.words import AlertState, Severity

NOW = dt.datetime(2026, 6, 2, tzinfo=dt.UTC)
TIMING = Timing(group_wait_seconds=30, group_interval_seconds=300, repeat_seconds=3600, give_up_seconds=600)


def alert(id: str = "a-1", **other: Any) -> ToldAlert:
    known: dict[str, Any] = {"name": "cpu", "state": AlertState.FIRING, "severity": Severity.WARNING, "detail": "hot"}
    return ToldAlert(id=id, raised_at=NOW, **(known | other))


def test_alerts_of_one_name_and_site_are_told_together() -> None:
    berlin = {"site": "berlin", "kind": "real"}
    assert group_key("cpu", berlin, ("site",)) == "cpu site=berlin"
    assert group_key("cpu", {}, ("site",)) == "cpu"
    assert len(group_key("cpu", {"site": "x" * 300}, ("site",))) == 200


def test_a_new_group_waits_for_others_then_for_its_interval_and_repeats_seldom() -> None:
    new, old = Group(key="cpu", opened_at=1_000), Group(key="cpu", opened_at=1_000, told_at=50_000)
    assert due_ms(new, TIMING, news=True) == 31_000
    assert due_ms(old, TIMING, news=True) == 350_000
    assert due_ms(old, TIMING, news=False) == 3_650_000


def test_what_is_told_is_what_is_new_first_and_then_what_still_holds() -> None:
    over = alert("a-2", state=AlertState.RESOLVED)
    said = notification("cpu", [over], [alert()])
    assert said is not None
    assert ([one.id for one in said.alerts], said.firing, said.resolved, said.repeated) == (["a-2", "a-1"], 1, 1, False)
    assert said.subject == "cpu: 1 firing, 1 resolved"


def test_what_somebody_has_seen_is_not_repeated() -> None:
    seen = alert(acknowledged_by="anna")
    assert notification("cpu", [], [seen]) is None
    again = notification("cpu", [], [seen, alert("a-2")])
    assert again is not None
    assert again.repeated


def test_a_sink_hears_only_what_is_grave_enough_for_it() -> None:
    assert notification("cpu", [alert()], [], least=Severity.CRITICAL) is None
    graver = notification("cpu", [alert(), alert("a-2", severity=Severity.CRITICAL)], [], least=Severity.CRITICAL)
    assert graver is not None
    assert [one.id for one in graver.alerts] == ["a-2"]
    assert [grave_enough(one, Severity.WARNING) for one in Severity] == [False, True, True]


def test_a_storm_is_counted_and_cut() -> None:
    said = notification("cpu", [alert(f"a-{number}") for number in range(900)], [])
    assert said is not None
    assert (said.firing, len(said.alerts)) == (900, ALERTS_TOLD_MAX)


def test_a_test_says_nothing() -> None:
    assert Notification(group="test", firing=0, resolved=0, alerts=(), test=True).subject == "test: nothing"


@given(st.integers(0, 500), st.floats(0, 1, exclude_max=True))
def test_the_wait_grows_and_is_bounded_and_never_nothing(failures: int, chance: float) -> None:
    wait = wait_seconds(failures, chance)
    assert 2.5 <= wait <= 300
    assert wait_seconds(failures + 1, chance) >= wait


@pytest.mark.parametrize(("age", "over"), [(599, False), (600, True)])
def test_it_is_given_up_after_the_stated_time(age: int, over: bool) -> None:
    assert given_up(1_000, TIMING, 1_000 + age * 1000) is over
