"""What a rollback makes of a channel's rules, and where a device stands in it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.rollback import Goal, Ran, Said, good_since, rollback_rules, standing_of
from pyv_fleet.core.words import ReturnStanding
from pyvorin_edge.identity import ChannelName, DeviceId, Digest, FleetName
from pyvorin_edge.orders import Assignment, Rule, matches
from pyvorin_edge.vocabulary import Connectivity, Outcome, Phase, RuleKind, WaitingFor

OLD, NOW, NEXT = (Digest(letter * 64) for letter in "abc")
STAYS = Rule(kind=RuleKind.RELEASE, release=NOW, attempt=1)
BERLIN = {"site": ("berlin",)}
GOAL = Goal(release=OLD, attempt=4, epoch=1, generation=100)
LABELS = st.fixed_dictionaries({}, optional={"site": st.sampled_from("xyz"), "kind": st.sampled_from("xyz")})
VALUES = st.lists(st.sampled_from("xyz"), min_size=1, unique=True).map(tuple)
WHERE = st.fixed_dictionaries({}, optional={"site": VALUES, "kind": VALUES})


def assigned(labels: dict[str, str]) -> Assignment:
    return Assignment(
        v=1, fleet=FleetName("lab"), epoch=1, device_id=DeviceId("d"), number=1, channel=ChannelName("stable"),
        labels=labels, issued_at=0, issued_by="t",
    )  # fmt: skip


def release_for(rules: tuple[Rule, ...], labels: dict[str, str], held: frozenset[Digest] = frozenset()) -> Digest:
    return next(rule.release for rule in rules if matches(rule, "d", assigned(labels), held))


def whole(*said: tuple[Digest, RuleKind]) -> list[Rule]:
    return [Rule(kind=kind, release=release, attempt=1) for release, kind in said]


def test_before_the_last_good_release_comes_what_was_good_before_it_never_what_came_after() -> None:
    out = RuleKind.RELEASE
    assert good_since(NOW, whole((NEXT, out), (NOW, out), (OLD, out))) == (NOW, OLD)


def test_what_a_rollback_left_is_never_gone_back_to() -> None:
    assert good_since(OLD, whole((OLD, RuleKind.ROLLBACK), (NOW, RuleKind.RELEASE), (OLD, RuleKind.RELEASE))) == (OLD,)


def test_a_last_good_release_that_was_never_the_whole_channels_stands_alone() -> None:
    assert good_since(NEXT, whole((NOW, RuleKind.RELEASE), (OLD, RuleKind.RELEASE))) == (NEXT,)


def test_a_whole_channel_is_one_rule_whatever_stood_before() -> None:
    rules = rollback_rules(OLD, 4, where={}, now=(STAYS,), ran=Ran(NEXT, 1, STAYS))
    assert rules == (Rule(kind=RuleKind.ROLLBACK, release=OLD, attempt=4),)


def test_a_selection_goes_back_and_the_rest_keeps_what_it_has() -> None:
    rules = rollback_rules(OLD, 4, where=BERLIN, now=(STAYS,), ran=None)
    assert (rules[0].kind, rules[0].attempt) == (RuleKind.ROLLBACK, 4)
    assert release_for(rules, {"site": "berlin"}) == OLD
    assert rules[1:] == (STAYS,)


def test_a_rollout_ends_where_it_is_who_has_its_release_keeps_it_and_nobody_else_takes_it() -> None:
    wave = Rule(kind=RuleKind.RELEASE, release=NEXT, attempt=1, salt="r-1", below="8" * 16)
    rules = rollback_rules(OLD, 4, where=BERLIN, now=(wave, STAYS), ran=Ran(NEXT, 1, STAYS))
    assert release_for(rules, {"site": "berlin"}, frozenset({NEXT})) == OLD
    assert release_for(rules, {"site": "munich"}, frozenset({NEXT})) == NEXT
    assert release_for(rules, {"site": "munich"}) == NOW


def test_a_rollout_that_let_nobody_in_leaves_no_hold() -> None:
    rules = rollback_rules(OLD, 4, where=BERLIN, now=(STAYS,), ran=Ran(NEXT, 1, STAYS))
    assert not any(rule.hold for rule in rules)


def test_who_was_held_out_of_the_rollout_stays_out() -> None:
    out = Rule(kind=RuleKind.RELEASE, release=NOW, attempt=1, ids=(DeviceId("d"),))
    wave = Rule(kind=RuleKind.RELEASE, release=NEXT, attempt=1, salt="r-1", below="8" * 16)
    rules = rollback_rules(OLD, 4, where=BERLIN, now=(out, wave, STAYS), ran=Ran(NEXT, 1, STAYS))
    assert rules[1] == out


def test_the_same_selection_again_takes_the_place_of_the_first() -> None:
    once = rollback_rules(OLD, 4, where=BERLIN, now=(STAYS,), ran=None)
    again = rollback_rules(NEXT, 1, where=BERLIN, now=once, ran=None)
    assert [rule.release for rule in again] == [NEXT, NOW]


@given(WHERE.filter(bool), WHERE.filter(bool), LABELS)
def test_whatever_was_selected_before_each_device_gets_what_was_said_of_it_last(
    first: dict[str, tuple[str, ...]], second: dict[str, tuple[str, ...]], labels: dict[str, str]
) -> None:
    def within(where: dict[str, tuple[str, ...]]) -> bool:
        return all(labels.get(label) in values for label, values in where.items())

    rules = rollback_rules(OLD, 4, where=first, now=(STAYS,), ran=None)
    rules = rollback_rules(NEXT, 9, where=second, now=rules, ran=None)
    expected = NEXT if within(second) else OLD if within(first) else NOW
    assert release_for(rules, labels) == expected


def said(**changes: Any) -> Said:
    """Online, settled on what it is to leave."""
    known = {"connectivity": Connectivity.ONLINE, "epoch": 1, "generation": 100, "phase": Phase.SETTLED}
    return Said(**{**known, "running_release": NOW, **changes})


FAILED = {"result_release": OLD, "result_attempt": 4, "result_outcome": Outcome.FAILED, "result_code": "gate"}


@pytest.mark.parametrize(
    ("changes", "word", "cause"),
    [
        ({"running_release": OLD}, ReturnStanding.BACK, ""),
        ({"running_release": OLD, "pinned": True}, ReturnStanding.BACK, ""),
        ({"running_release": OLD, "generation": 99}, ReturnStanding.UNHEARD, ""),
        ({"generation": 99, "refused": "expired"}, ReturnStanding.UNHEARD, "expired"),
        ({"running_release": OLD, "phase": Phase.PROVING}, ReturnStanding.MOVING, "proving"),
        ({"phase": Phase.WAITING, "waiting_for": WaitingFor.DISK}, ReturnStanding.MOVING, "waiting for disk"),
        (FAILED, ReturnStanding.FAILED, "failed: gate"),
        ({**FAILED, "phase": Phase.WAITING, "waiting_for": WaitingFor.RETRY}, ReturnStanding.MOVING, "retry"),
        ({**FAILED, "result_attempt": 3}, ReturnStanding.MOVING, "settled"),
        ({"connectivity": Connectivity.OFFLINE}, ReturnStanding.OFFLINE, ""),
        ({"connectivity": Connectivity.LOST}, ReturnStanding.LOST, ""),
        ({"pinned": True}, ReturnStanding.PINNED, "unpinned"),
        ({"quarantined": True}, ReturnStanding.QUARANTINED, ""),
    ],
)
def test_each_device_stands_where_its_own_word_says(changes: dict[str, Any], word: ReturnStanding, cause: str) -> None:
    stands = standing_of(said(**changes), GOAL, was_online=True)
    assert (stands.word, cause in stands.cause) == (word, True)


def test_one_that_restarts_into_other_code_is_waited_for_and_one_that_was_away_is_not() -> None:
    gone = said(connectivity=Connectivity.OFFLINE, last_seen=7)
    assert standing_of(gone, GOAL, was_online=True).waited_for
    away = standing_of(gone, GOAL, was_online=False)
    assert (away.word, away.waited_for, away.since) == (ReturnStanding.AWAY, False, 7)
