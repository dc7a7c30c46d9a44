"""The launcher's choice: code on trial has three starts, then what was good runs, and in the end the installed code."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyv_edge_agent.core.launching import INSTALLED, Fell, Launch, established, given_up_uncounted, started, tried

GOOD, NEW = "a" * 64, "b" * 64


def everything(slot: str) -> bool:
    return True


def starts(launch: Launch, count: int, *machines: str) -> tuple[Launch, list[str]]:
    """The slots of so many starts, each within the next of `machines` (the last one again and again)."""
    ran = []
    for number in range(count):
        machine = machines[min(number, len(machines) - 1)] if machines else "machine"
        launch, slot = started(launch, machine, everything)
        ran.append(slot)
    return launch, ran


def test_the_installed_code_is_good_until_something_else_is() -> None:
    assert starts(Launch(), 9)[1] == [INSTALLED] * 9


def test_code_on_trial_is_started_three_times_and_then_what_was_good() -> None:
    launch, ran = starts(tried(established(GOOD), NEW, GOOD), 4)
    assert ran == [NEW, NEW, NEW, GOOD]
    assert launch.fallen == Fell(NEW, 4, 4)


def test_starts_of_other_machine_boots_are_told_apart() -> None:
    launch, _ = starts(tried(established(GOOD), NEW, GOOD), 4, "one", "two", "two", "two")
    assert launch.fallen == Fell(NEW, 4, 3)


def test_good_code_that_does_not_start_leaves_the_installed_one_which_stays() -> None:
    launch, ran = starts(established(GOOD), 8)
    assert ran == [GOOD] * 3 + [INSTALLED] * 5
    assert launch.fallen == Fell(GOOD, 4, 4)


def test_good_code_that_was_given_up_is_tried_again_after_the_machine_was_restarted() -> None:
    launch, _ = starts(established(GOOD), 5, "one")
    assert starts(launch, 5, "two")[1] == [GOOD] * 3 + [INSTALLED] * 2


def test_once_it_is_established_the_count_begins_anew() -> None:
    launch, _ = starts(tried(established(GOOD), NEW, GOOD), 3)
    assert starts(established(launch.slot), 3)[1] == [NEW] * 3


def test_a_slot_whose_files_are_gone_is_not_started_at_all() -> None:
    launch, slot = started(tried(established(GOOD), NEW, GOOD), "machine", lambda name: name == GOOD)
    assert (slot, launch.fallen) == (GOOD, Fell(NEW, 1, 1))


def test_the_installed_code_can_be_on_trial_too() -> None:
    _, ran = starts(tried(established(GOOD), INSTALLED, GOOD), 5)
    assert ran == [INSTALLED] * 3 + [GOOD] * 2


def test_putting_the_same_in_force_again_does_not_forget_its_starts() -> None:
    launch, _ = starts(tried(established(GOOD), NEW, GOOD), 2)
    assert tried(launch, NEW, GOOD) == launch


def test_on_a_full_disk_what_is_on_trial_is_given_up_at_once() -> None:
    launch, _ = starts(tried(established(GOOD), NEW, GOOD), 2)
    after = given_up_uncounted(launch)
    assert (after.slot, after.fallen) == (GOOD, Fell(NEW, 2, 2, full=True))
    assert given_up_uncounted(after) == after


SLOTS = st.sampled_from([INSTALLED, GOOD, NEW, "c" * 64])


@given(
    good=SLOTS, trial=SLOTS, whole=st.sets(SLOTS), machines=st.lists(st.sampled_from("xyz"), min_size=1, max_size=30)
)
def test_whatever_is_broken_code_that_crashes_is_left_within_a_few_starts(
    good: str, trial: str, whole: set[str], machines: list[str]
) -> None:
    launch = tried(established(good), trial, good)
    ran = []
    for machine in [*machines, *["z"] * 8]:
        launch, slot = started(launch, machine, lambda name: name in whole)
        assert slot == INSTALLED or slot in whole
        ran.append(slot)
    assert ran[-1] == INSTALLED
    assert trial in (good, INSTALLED) or ran.count(trial) <= 3
