"""The promises in simulation, short, with fixed seeds; `make bench-canary` has the long runs."""

from __future__ import annotations

import random
from statistics import fmean

import pytest

from pyv_fleet.core.evidence import Race, onwards
from pyv_fleet.core.words import Verdict
from running.canary_fleet import World, run

HARMLESS = {
    "flapping": World(5, 45, soak_seconds=480, unhealthy=0.03),
    "fleet-wide event": World(20, 60, soak_seconds=480, fleet_event=True),
    "site outages": World(20, 60, soak_seconds=480, site_outages=True),
}


def bad_runs(world: World, runs: int) -> int:
    return sum(run(world, seed).verdict is Verdict.BAD for seed in range(runs))


@pytest.mark.parametrize("world", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_harmless_release_is_called_bad_in_five_of_a_hundred_waves_at_most(world: World) -> None:
    assert bad_runs(world, 60) <= 3


def test_eleven_percent_unhealthy_of_two_hundred_is_found_in_nine_of_ten_waves() -> None:
    assert bad_runs(World(200, 400, soak_seconds=300, broken=0.1), 20) >= 18


def test_a_release_that_takes_more_of_the_processor_is_found() -> None:
    assert bad_runs(World(60, 120, soak_seconds=480, cpu_added=15.0), 10) == 10


def test_it_can_fail_a_test_for_one_look_is_wrong_far_too_often_when_looked_at_often() -> None:
    """The usual comparison of two rates at 5 %, at each device that comes: and the bet, on the very same draws."""
    usual, bet = 0, 0
    for seed in range(300):
        order = [True] * 100 + [False] * 100
        random.Random(seed).shuffle(order)
        usual += any(_looks_worse(order[:came], 100, 100) for came in range(10, 150))
        bet += onwards(Race(100, 100), order).strongest >= 20
    assert usual > 0.10 * 300
    assert bet <= 0.05 * 300


def _looks_worse(came: list[bool], wave: int, control: int) -> bool:
    """One-sided at 5 %: the share of the wave that came against the control's."""
    rate = [sum(came) / wave, (len(came) - sum(came)) / control]
    spread = fmean(rate) * (1 - fmean(rate)) * (1 / wave + 1 / control)
    return rate[0] - rate[1] > 1.645 * spread**0.5
