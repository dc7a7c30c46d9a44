"""The pulse: each part says when it will be back; one that left is not waited for."""

from __future__ import annotations

from pyv_edge_agent.core.pulse import Part
from pyv_edge_agent.pulse import Pulse


def test_a_beat_says_when_its_part_will_be_back() -> None:
    pulse = Pulse(monotonic=lambda: 100.0)
    pulse.beat(Part.SENSORS)(5.0)
    pulse.beat(Part.UPDATER)()
    assert pulse.due() == {Part.SENSORS: 105.0, Part.UPDATER: 100.0}


def test_who_left_or_never_came_is_not_waited_for() -> None:
    pulse = Pulse(monotonic=lambda: 100.0)
    pulse.beat(Part.SENSORS)()
    pulse.leave(Part.SENSORS)
    pulse.leave(Part.UPLOADER)
    assert pulse.due() == {}
