"""Ignore rules: a pointer, a reason, an end; over when their time is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.drift_ignores import (
    IGNORES_MAX,
    Ignore,
    IgnoreRefused,
    as_group_says,
    in_force,
    joined,
    ordered,
    rules_in,
    with_rule,
    without,
)
from pyv_fleet.core.views import GroupDrift
from pyvorin_edge.canonical import join_pointer
from pyvorin_edge.vocabulary import DriftPolicy

NOW = 1_800_000_000_000
DAY = 86_400_000


def rule(pointer: str = "/a", *, until: int = NOW + DAY, reason: str = "why") -> Ignore:
    return Ignore(pointer=pointer, reason=reason, until=until)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (rule("a"), "no JSON Pointer"),
        (rule("/a//b"), "no JSON Pointer"),
        (rule("/a~2"), "no JSON Pointer"),
        (rule("/a\n"), "no JSON Pointer"),
        (rule(reason=" "), "say why"),
        (rule(reason="r" * 201), "201 letters"),
        (rule(until=NOW), "2027-01-15T08:00Z is over"),
        (rule(until=2**62), "belongs in a release"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_a_sentence(made: Ignore, said: str) -> None:
    with pytest.raises(IgnoreRefused, match=said):
        with_rule((), made, NOW)


@given(st.lists(st.text(st.characters(categories=("L", "N", "P")), min_size=1), min_size=1, max_size=4))
def test_every_key_path_can_be_ignored(keys: list[str]) -> None:
    pointer = ""
    for key in keys:
        pointer = join_pointer(pointer, key)
    if len(pointer) <= 256:
        assert with_rule((), rule(pointer), NOW)[0].pointer == pointer


def test_the_same_pointer_is_replaced_and_one_that_ended_counts_no_more_but_stays_to_be_seen() -> None:
    rules = with_rule((rule("/b", until=NOW - DAY), rule("/c", until=NOW - 31 * DAY)), rule("/a"), NOW)
    rules = with_rule(rules, rule("/a", reason="another"), NOW)
    assert [(one.pointer, one.reason) for one in rules] == [("/a", "another"), ("/b", "why")]
    assert [one.pointer for one in in_force(rules, NOW)] == ["/a"]
    assert [one.pointer for one in ordered(rules, NOW)] == ["/a"]


def test_an_order_has_room_for_sixteen() -> None:
    rules: tuple[Ignore, ...] = (rule("/ended", until=NOW - 1),)
    for number in range(IGNORES_MAX):
        rules = with_rule(rules, rule(f"/{number}"), NOW)
    with pytest.raises(IgnoreRefused, match="remove one"):
        with_rule(rules, rule("/more"), NOW)


def test_of_a_devices_groups_the_highest_policy_counts_and_the_rule_that_ends_last() -> None:
    found = joined(
        [
            (200, "high", DriftPolicy.ALERT, [rule("/a", until=NOW + 2)]),
            (100, "low", DriftPolicy.REMEDIATE, [rule("/a", until=NOW + 9), rule("/b")]),
            (300, "silent", None, []),
        ]
    )
    assert found is not None
    assert (found.policy, [(one.pointer, one.until) for one in found.ignore]) == (
        DriftPolicy.ALERT,
        [("/a", NOW + 9), ("/b", NOW + DAY)],
    )
    assert joined([(1, "silent", None, [])]) is None


def test_groups_that_ignore_more_than_an_assignment_carries_are_refused() -> None:
    many = [rule(f"/{number}") for number in range(IGNORES_MAX)]
    with pytest.raises(IgnoreRefused, match="17 key paths"):
        joined([(1, "a", None, many), (1, "b", None, [rule("/more")])])


def test_a_group_keeps_its_rules_as_they_are() -> None:
    rules = (Ignore(pointer="/a", reason="why", until=NOW, by="me", at=NOW - 5), rule("/b"))
    assert rules_in(GroupDrift(ignore=as_group_says(rules))) == rules


def test_what_is_not_there_cannot_be_taken_away() -> None:
    assert without((rule("/a"),), "/a") == ()
    assert without((rule("/a"),), "/b") is None
