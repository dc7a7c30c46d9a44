"""When a controller that started knows enough, and when its store is behind what devices hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyv_fleet.core.catching_up import Progress, behind_of, heard_enough, limit_seconds
from pyv_fleet.core.words import CatchUp


def test_everybody_who_should_be_there_has_spoken() -> None:
    assert heard_enough({"a", "b"}, {"a", "b", "c"}, 0.0, 3)
    assert not heard_enough({"a", "b"}, {"a"}, 1.0, 3)


def test_a_fleet_without_devices_is_not_waited_for() -> None:
    assert heard_enough((), (), 0.0, 0)


def test_who_does_not_come_is_waited_for_no_longer_than_a_fleet_needs_to_come_back() -> None:
    assert heard_enough({"a"}, (), limit_seconds(1), 1)
    assert limit_seconds(1) == 10
    assert limit_seconds(100_000) == 205


def test_devices_that_hold_a_higher_directive_show_that_the_store_is_behind() -> None:
    found = behind_of("stable", 5, [("b", 7), ("a", 6), ("c", 5)])
    assert found is not None
    assert (found.devices, found.reported) == (("a", "b"), 7)
    assert "2 devices, a among them, reported directive 7" in found.sentence


def test_one_device_that_lies_does_not_stop_a_channel_of_ten() -> None:
    honest = [(f"d{number}", 5) for number in range(9)]
    assert behind_of("stable", 5, [("liar", 10**15), *honest]) is None
    assert behind_of("stable", 5, [("liar", 10**15), *honest[:8]]) is not None


@given(known=st.integers(0, 9), reported=st.lists(st.integers(0, 9)))
def test_a_store_that_knows_the_highest_is_never_behind(known: int, reported: list[int]) -> None:
    found = behind_of("stable", known, [(f"d{at}", one) for at, one in enumerate(reported)])
    assert (found is not None) == (sum(one > known for one in reported) * 10 > len(reported))


def test_each_stage_says_what_is_waited_for() -> None:
    assert "broker" in Progress(stage=CatchUp.BROKER).sentence
    waiting = Progress(stage=CatchUp.HEARING, expected=3, heard=1, waited_seconds=2.4, limit_seconds=10)
    assert "1 of 3 devices" in waiting.sentence
    assert Progress(stage=CatchUp.DONE).sentence == "orders go out"
