"""When many devices of one label value are one alert."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.alert_rules import AlertRule, Correlate, State
from pyv_fleet.core.alerts import Move
from pyv_fleet.core.outages import Outage, due_ms, subject_of, tally
from pyv_fleet.core.words import DeviceCondition, HoldState

RULE = AlertRule(
    when=State(state=DeviceCondition.UNREACHABLE),
    for_seconds=60,
    clear_for_seconds=30,
    correlate=Correlate(at_least=5, share_permyriad=5000, clear_share_permyriad=1000, within_seconds=600),
)
T = 10_000_000


def down(*seconds: int) -> list[int]:
    return [T + 1000 * second for second in seconds]


def at(second: int) -> int:
    return T + second * 1000


def test_it_is_raised_once_it_held_long_enough_for_enough_of_them() -> None:
    since = down(0, 1, 2, 3, 40)
    assert tally(RULE, None, since, 5, at(63)).move is None
    found = tally(RULE, None, since, 5, at(100))
    assert (found.move, found.down, found.of) == (Move.RAISE, 5, 10)


def test_while_it_may_become_one_single_alerts_are_held_back() -> None:
    assert tally(RULE, None, down(0, 1, 2, 3, 40), 5, at(60)).covers_since is not None
    assert tally(RULE, None, down(0, 1, 2, 3), 4, at(60)).covers_since is None


def test_too_small_a_share_or_too_few_is_none() -> None:
    assert tally(RULE, None, down(0, 0, 0, 0, 0), 6, at(99)).move is None
    assert tally(RULE, None, down(0, 0, 0, 0), 0, at(99)).move is None


def test_what_has_been_dead_for_weeks_makes_no_outage_and_hides_none() -> None:
    dead = [0] * 50
    assert tally(RULE, None, [*dead, *down(0)], 4, at(99)).move is None
    assert tally(RULE, None, [*dead, *down(0, 0, 0, 0, 0)], 5, at(99)).move is Move.RAISE


def test_it_stands_until_few_enough_are_left_for_long_enough() -> None:
    raised = tally(RULE, None, down(*range(50)), 0, at(120)).outage
    half = tally(RULE, raised, down(*range(25)), 25, at(130))
    assert (half.outage, half.move, half.down, half.of) == (raised, None, 25, 50)
    few = tally(RULE, half.outage, down(0, 1, 2, 3), 46, at(140))
    assert few.outage is not None
    assert (few.outage.state, due_ms(RULE, few.outage)) == (HoldState.CLEARING, at(170))
    assert tally(RULE, few.outage, down(0, 1, 2, 3), 46, at(169)).move is None
    over = tally(RULE, few.outage, down(0, 1, 2, 3), 46, at(170))
    assert (over.outage, over.move, over.covers_since) == (None, Move.RESOLVE, None)


def test_one_that_comes_back_while_it_clears_goes_on() -> None:
    clearing = Outage(state=HoldState.CLEARING, onset=T, at=at(0))
    found = tally(RULE, clearing, down(*range(20)), 10, at(10))
    assert (found.outage and found.outage.state, found.move) == (HoldState.FIRING, None)


def test_a_rule_that_groups_no_longer_ends_what_stood() -> None:
    alone = msgspec.structs.replace(RULE, correlate=None)
    assert tally(alone, Outage(state=HoldState.FIRING, onset=0, at=0), [], 0, 1).move is Move.RESOLVE


def test_a_long_label_still_makes_a_subject_that_fits() -> None:
    assert subject_of("site", "berlin") == "site=berlin"
    assert len(subject_of("s" * 63, "v" * 63)) == 64


@given(st.lists(st.integers(0, 500), max_size=30), st.integers(0, 30), st.integers(0, 900))
def test_an_outage_is_raised_only_of_enough_devices_each_down_long_enough(
    since: list[int], well: int, now: int
) -> None:
    found = tally(RULE, None, down(*since), well, at(now))
    if found.move is Move.RAISE:
        ripe = [one for one in since if now - 600 <= one <= now - 60]
        assert len(ripe) >= 5
        assert len(ripe) * 2 >= found.of
