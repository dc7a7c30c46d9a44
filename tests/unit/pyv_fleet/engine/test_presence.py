"""Whose end counts, and when (PROTOCOL 6)."""

from __future__ import annotations

from pyv_fleet.engine.presence import Presences, Session

FIRST, SECOND = Session(1, 1), Session(1, 2)
GRACE = 95.0


def up(at: float = 100.0) -> Presences:
    presences = Presences()
    presences.link_up(at)
    return presences


def due(presences: Presences, now: float, *, alive: bool = True) -> list[str]:
    """Who ends at `now`, if the broker answers then what it is asked."""
    proof = presences.to_prove(now)
    if proof is not None:
        presences.answered(proof, alive=alive)
    return presences.due()


def test_an_end_takes_effect_after_half_a_second() -> None:
    presences = up()
    presences.born("a", FIRST, "one", live=True)
    presences.ended("a", FIRST, FIRST, 110.0, GRACE)
    assert due(presences, 110.4) == []
    assert due(presences, 110.5) == ["a"]
    assert presences.has_ended("a", FIRST)
    assert not presences.has_ended("a", SECOND)


def test_an_end_waits_until_the_broker_answers_what_it_was_asked_after_that() -> None:
    presences = up()
    presences.ended("a", FIRST, FIRST, 100.0, 0.0)
    assert due(presences, 110.0, alive=False) == []
    assert due(presences, 111.0) == ["a"]


def test_one_proof_is_under_way_at_a_time_and_serves_those_who_were_ripe_when_it_was_asked_for() -> None:
    presences = up()
    for at, name in ((110.0, "a"), (110.2, "b"), (110.4, "c")):
        presences.ended(name, FIRST, FIRST, at, 0.0)
    proof = presences.to_prove(110.8)
    assert proof is not None
    assert presences.to_prove(111.0) is None
    assert presences.next_ripe() is None
    presences.answered(proof, alive=True)
    assert presences.due() == ["a", "b"]
    assert due(presences, 111.0) == ["c"]


def test_what_an_earlier_connection_answers_proves_nothing() -> None:
    presences = up()
    presences.ended("a", FIRST, FIRST, 110.0, 0.0)
    proof = presences.to_prove(110.5)
    assert proof is not None
    presences.link_down()
    presences.link_up(120.0)
    presences.ended("a", FIRST, FIRST, 121.0, 0.0)
    presences.answered(proof, alive=True)
    assert presences.due() == []
    assert due(presences, 121.5) == ["a"]


def test_an_end_just_before_our_own_does_not_count() -> None:
    presences = up()
    presences.born("a", FIRST, "one", live=True)
    presences.ended("a", FIRST, FIRST, 110.0, GRACE)
    presences.link_down()
    assert due(presences, 1000.0) == []


def test_only_the_last_birth_can_end() -> None:
    presences = up()
    presences.born("a", SECOND, "one", live=True)
    presences.ended("a", FIRST, FIRST, 110.0, GRACE)
    assert presences.next_ripe() is None


def test_an_end_of_a_birth_from_before_waits_for_the_grace() -> None:
    presences = up()
    presences.ended("a", FIRST, FIRST, 101.0, GRACE)
    assert due(presences, 194.9) == []
    assert due(presences, 195.0) == ["a"]


def test_whoever_comes_back_within_the_grace_never_ended() -> None:
    presences = up()
    presences.ended("a", FIRST, FIRST, 101.0, GRACE)
    presences.born("a", SECOND, "one", live=True)
    assert due(presences, 1000.0) == []


def test_a_beat_shows_that_an_old_connection_lives_on_this_one() -> None:
    presences = up()
    presences.born("a", FIRST, "one", live=True)
    presences.link_down()
    presences.link_up(200.0)
    presences.born("a", FIRST, "", live=True)
    presences.ended("a", FIRST, FIRST, 210.0, GRACE)
    assert due(presences, 210.5) == ["a"]
    assert presences.boot_id("a") == "one"


def test_a_late_birth_is_no_news() -> None:
    presences = up()
    presences.born("a", SECOND, "one", live=True)
    presences.born("a", FIRST, "one", live=True)
    presences.ended("a", SECOND, FIRST, 110.0, GRACE)
    assert presences.next_ripe() == 110.5


def test_what_the_broker_remembered_waits_for_the_grace_although_it_is_heard_before_our_connection_stands() -> None:
    presences = up()
    presences.born("a", FIRST, "one", live=True)
    presences.link_down()
    presences.ended("a", FIRST, FIRST, 299.9, GRACE)
    presences.link_up(300.0)
    assert due(presences, 394.9) == []
    assert due(presences, 395.0) == ["a"]
