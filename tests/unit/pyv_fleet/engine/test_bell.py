"""Whoever waits for a name is woken when it is rung, and nobody else."""

from __future__ import annotations

from pyv_fleet.engine.bell import Bell, channel_name, device_name


def test_a_ring_wakes_those_whose_names_were_noted_and_nobody_else() -> None:
    bell = Bell()
    with bell.heard_by(channel_name("stable"), device_name("a")) as one, bell.heard_by(channel_name("beta")) as other:
        bell.note(channel_name("stable"))
        assert not one.is_set()  # not committed yet
        bell.ring()
        assert (one.is_set(), other.is_set()) == (True, False)


def test_a_name_whose_transaction_ends_after_the_ring_of_another_is_rung_again() -> None:
    bell = Bell()
    bell.note(device_name("a"))
    with bell.heard_by(device_name("a")) as event:
        bell.ring()  # another's
        event.clear()
        bell.ring()  # its own
        assert event.is_set()


def test_what_concerns_everybody_wakes_everybody() -> None:
    bell = Bell()
    with bell.heard_by("x") as one, bell.heard_by("y") as other:
        bell.ring_all()
        assert one.is_set()
        assert other.is_set()


def test_nobody_who_left_is_kept() -> None:
    bell = Bell()
    with bell.heard_by("x"):
        pass
    bell.ring_all()
    assert bell._waiting == {}
