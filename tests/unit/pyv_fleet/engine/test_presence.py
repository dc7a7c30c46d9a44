"""Whose end counts, and when (PROTOCOL 6)."""

from __future__ import annotations

from pyv_fleet.engine.presence import Presences, Session

FIRST, SECOND = Session(1, 1), Session(1, 2)
GRACE = 95.0


def up(at: float = 100.0) -> Presences:
    presences = Presences()
    presences.link_up(at)
    return presences


def test_an_end_takes_effect_after_half_a_second() -> None:
    presences = up()
    presences.born("a", FIRST, "one", live=True)
    presences.ended("a", FIRST, FIRST, 110.0, GRACE)
    assert presences.due(110.4) == []
    assert presences.due(110.5) == ["a"]
    assert presences.has_ended("a", FIRST)
    assert not presences.has_ended("a", SECOND)


def test_an_end_just_before_our_own_does_not_count() -> None:
    presences = up()
    presences.born("a", FIRST, "one", live=True)
    presences.ended("a", FIRST, FIRST, 110.0, GRACE)
    presences.link_down()
    assert presences.due(1000.0) == []


def test_only_the_last_birth_can_end() -> None:
    presences = up()
    presences.born("a", SECOND, "one", live=True)
    presences.ended("a", FIRST, FIRST, 110.0, GRACE)
    assert presences.next_due() is None


def test_an_end_of_a_birth_from_before_waits_for_the_grace() -> None:
    presences = up()
    presences.ended("a", FIRST, FIRST, 101.0, GRACE)
    assert presences.due(194.9) == []
    assert presences.due(195.0) == ["a"]


def test_whoever_comes_back_within_the_grace_never_ended() -> None:
    presences = up()
    presences.ended("a", FIRST, FIRST, 101.0, GRACE)
    presences.born("a", SECOND, "one", live=True)
    assert presences.due(1000.0) == []


def test_a_beat_shows_that_an_old_connection_lives_on_this_one() -> None:
    presences = up()
    presences.born("a", FIRST, "one", live=True)
    presences.link_down()
    presences.link_up(200.0)
    presences.born("a", FIRST, "", live=True)
    presences.ended("a", FIRST, FIRST, 210.0, GRACE)
    assert presences.due(210.5) == ["a"]
    assert presences.boot_id("a") == "one"


def test_a_late_birth_is_no_news() -> None:
    presences = up()
    presences.born("a", SECOND, "one", live=True)
    presences.born("a", FIRST, "one", live=True)
    presences.ended("a", SECOND, FIRST, 110.0, GRACE)
    assert presences.next_due() == 110.5
