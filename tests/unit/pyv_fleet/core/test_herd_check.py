"""What a plan says of a herd: its course, and what speaks against it."""

from __future__ import annotations

from pyv_fleet.core.herd_check import herd_check
from pyv_fleet.core.policy import Herd
from pyv_fleet.core.spans import parse_span
from pyvorin_edge.orders import Window

HERD = Herd(at_once=2, label="site")
SITES: list[str | None] = ["berlin", "berlin", "berlin", "berlin", "berlin", "rome"]


def test_a_plan_says_how_many_turns_follow_each_other() -> None:
    check = herd_check(HERD, SITES, 3, None, [])
    assert check.good
    said = "2 at once per site: 2 groups, the largest of 5 devices, 3 turns one after the other at least"
    assert check.detail == said


def test_without_a_herd_nothing_is_held_up() -> None:
    check = herd_check(None, [], 1, None, ["FLEET-1"])
    assert (check.good, check.detail) == (True, "none: all of a wave's devices at once")


def test_devices_without_the_label_are_one_group_and_that_is_said() -> None:
    some = herd_check(HERD, [*SITES, None], 3, None, [])
    assert not some.good
    assert some.detail.endswith("1 of 7 devices have no label site: they are one group, 2 of them at once")
    assert "no device has label site" in herd_check(HERD, [None, None], 1, None, []).detail


def test_a_window_that_is_too_short_for_all_turns_makes_several_nights() -> None:
    window = Window(activate=parse_span("daily 01:00-02:00"), download=parse_span("daily 22:00-04:00"))
    assert herd_check(HERD, SITES, 60, window, []).good
    long = herd_check(HERD, SITES, 61, window, [])
    assert not long.good
    assert long.detail.endswith("a window holds about 60 of these turns: it takes 2 windows")


def test_agents_that_know_no_turns_are_counted() -> None:
    check = herd_check(HERD, SITES, 3, None, ["FLEET-1", "FLEET-2"])
    assert not check.good
    assert "the agents of FLEET-1 and 1 more know no turns" in check.detail
