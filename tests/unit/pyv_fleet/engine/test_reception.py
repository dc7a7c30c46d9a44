"""Since when the fleet is heard: a step of the clock is no silence of the devices."""

from __future__ import annotations

from dataclasses import dataclass

from pyv_fleet.engine.reception import Ear, Steps


@dataclass
class Clocks:
    wall_ms: int = 1_800_000_000_000
    up_seconds: float = 100.0

    def pass_seconds(self, seconds: float) -> None:
        self.wall_ms += int(seconds * 1000)
        self.up_seconds += seconds

    def wall(self) -> int:
        return self.wall_ms

    def up(self) -> float:
        return self.up_seconds


def test_time_that_passes_is_no_step() -> None:
    clocks = Clocks()
    steps = Steps(clocks.wall, clocks.up)
    clocks.pass_seconds(86_400)
    clocks.wall_ms += 1500  # slewed
    assert not steps.stepped()


def test_a_step_is_told_once_whichever_way_it_goes() -> None:
    clocks = Clocks()
    steps = Steps(clocks.wall, clocks.up)
    for step in (3_600_000, -7_200_000):
        clocks.wall_ms += step
        assert [steps.stepped(), steps.stepped()] == [True, False]


def test_listening_begins_anew_when_the_clock_is_put_forward() -> None:
    clocks = Clocks()
    ear = Ear(clocks.wall, clocks.up)
    ear.opened()
    opened = clocks.wall_ms
    clocks.pass_seconds(100)
    assert ear.since_or_none() == opened
    clocks.wall_ms += 3_600_000
    assert ear.since_or_none() == clocks.wall_ms
    assert ear.since() == clocks.wall_ms
