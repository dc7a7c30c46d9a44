"""Cadence: when silence is loss, and how a fleet comes back without a herd."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyvorin_edge import cadence
from pyvorin_edge.orders import Pace

CHANCE = st.floats(0, 1, exclude_max=True)


def test_lost_is_three_beats_and_five_seconds() -> None:
    assert cadence.lost_after_seconds(Pace(beat_seconds=60)) == 185
    assert cadence.lost_after_seconds(Pace(beat_seconds=0, report_seconds=900)) == 2705


def test_a_will_does_not_count_while_the_controller_settles() -> None:
    assert cadence.will_grace_seconds(Pace(reconnect_seconds=5, keepalive_seconds=60)) == 95


@given(st.floats(0, 1000), CHANCE)
def test_the_first_delay_lies_within_reconnect_seconds(reconnect_seconds: float, chance: float) -> None:
    assert 0 <= cadence.first_delay_seconds(reconnect_seconds, chance) <= reconnect_seconds


@given(st.floats(0, 10_000), CHANCE)
def test_a_next_delay_lies_between_a_second_and_ten_minutes(previous: float, chance: float) -> None:
    assert 1 <= cadence.next_delay_seconds(previous, chance) <= 600


def test_delays_grow_when_chance_is_high_and_not_when_it_is_low() -> None:
    delay = 1.0
    for _ in range(20):
        delay = cadence.next_delay_seconds(delay, 0.99)
    assert delay == 600
    assert cadence.next_delay_seconds(600, 0.0) == 1


def test_a_large_fleet_comes_back_more_slowly() -> None:
    assert [cadence.fleet_reconnect_seconds(devices) for devices in (0, 100, 2_500, 10_000, 100_000)] == [
        5,
        5,
        5,
        20,
        200,
    ]


def test_the_lower_limit_holds_and_none_is_none() -> None:
    assert cadence.slower(0, 500, 300) == 300
    assert cadence.slower(0, 500) == 500
    assert cadence.slower(0, 0) == 0
