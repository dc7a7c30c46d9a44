"""Drift is a function of time: equal moments give equal values, however they are asked for."""

from __future__ import annotations

import math
import statistics

import pytest

from pyv_edge_agent.sensors.drifting import Chance, Drift, offset_at, stuck_at
from pyvorin_edge.vocabulary import Drifting

CHANCE = Chance(1, "t")


def test_linear_and_cycle_and_step_are_what_they_say() -> None:
    linear = Drift(model=Drifting.LINEAR, per_hour=2.0)
    cycle = Drift(model=Drifting.CYCLE, amplitude=3.0, period_seconds=40.0)
    step = Drift(model=Drifting.STEP, amplitude=5.0, after_seconds=10.0)
    assert offset_at([linear], 1800.0, CHANCE) == 1.0
    assert offset_at([cycle], 10.0, CHANCE) == pytest.approx(3.0)
    assert [offset_at([step], at, CHANCE) for at in (9.9, 10.0)] == [0.0, 5.0]
    assert offset_at([linear, step], 1800.0, CHANCE) == 6.0


def test_spikes_come_in_their_share() -> None:
    spike = Drift(model=Drifting.SPIKE, amplitude=9.0, probability=0.1)
    hits = sum(offset_at([spike], float(second), CHANCE) == 9.0 for second in range(2000))
    assert hits == pytest.approx(200, abs=50)


def test_a_walk_spreads_with_the_root_of_time_and_is_continuous() -> None:
    walk = Drift(model=Drifting.WALK, per_hour=2.0)
    after_an_hour = [offset_at([walk], 3600.0, Chance(seed, "t")) for seed in range(400)]
    assert statistics.stdev(after_an_hour) == pytest.approx(2.0, rel=0.15)
    assert statistics.mean(after_an_hour) == pytest.approx(0.0, abs=0.4)
    steps = [abs(offset_at([walk], at, CHANCE) - offset_at([walk], at + 1, CHANCE)) for at in range(300)]
    assert max(steps) < 5 * 2.0 / math.sqrt(3600)
    assert offset_at([walk], 0.0, CHANCE) == 0.0


def test_a_walk_does_not_depend_on_who_asked_before() -> None:
    walk = [Drift(model=Drifting.WALK, per_hour=2.0)]
    forward = [offset_at(walk, at, CHANCE) for at in (1.5, 700.0, 90000.0)]
    assert [offset_at(walk, at, CHANCE) for at in (90000.0, 700.0, 1.5)] == forward[::-1]


def test_stuck_shows_the_moment_at_which_it_began() -> None:
    stuck = [Drift(model=Drifting.STUCK, after_seconds=20.0)]
    assert [stuck_at(stuck, at) for at in (5.0, 20.0, 99.0)] == [5.0, 20.0, 20.0]
