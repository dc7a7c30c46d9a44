"""Turns (ADR 0023): a release that is handed out in turns is begun when the device's own assignment says so."""

from __future__ import annotations

import pytest

from conformance.subject import Able, needs
from conformance.watched import Watched
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Grant, Rule, Window
from pyvorin_edge.vocabulary import RuleKind, WaitingFor

CRIT = ("turn",)


@pytest.fixture
def base(device: Watched) -> Digest:
    """A device that runs a release of its fleet."""
    release = device.publish("1.0", 1)
    device.fleet.direct(release)
    device.settle_on(release)
    return release


def in_turns(device: Watched, marker: int = 2) -> Rule:
    return device.fleet.rule(device.publish(f"1.{marker}", marker), turn=True)


def grant(rule: Rule) -> Grant:
    return Grant(release=rule.release, attempt=rule.attempt)


def waits_for_its_turn(device: Watched) -> None:
    device.until(lambda: device.waits_for(WaitingFor.TURN), "it waits for its turn")


def test_it_waits_for_its_turn_and_begins_in_it(device: Watched, base: Digest) -> None:
    rule = in_turns(device)
    device.fleet.direct(rule, crit=CRIT)
    waits_for_its_turn(device)
    device.subject.idle(3)
    assert device.runs(1)
    device.fleet.assign(turn=grant(rule))
    device.settle_on(rule.release)
    assert device.runs(2)


def test_a_turn_of_another_release_or_attempt_is_none(device: Watched, base: Digest) -> None:
    rule = in_turns(device)
    device.fleet.direct(rule, crit=CRIT)
    for other in (Grant(release=base, attempt=rule.attempt), Grant(release=rule.release, attempt=rule.attempt - 1)):
        device.fleet.assign(turn=other)
        waits_for_its_turn(device)
        device.subject.idle(2)
        assert device.runs(1)


def test_a_turn_may_come_before_its_directive_and_survives_a_restart(device: Watched, base: Digest) -> None:
    rule = in_turns(device)
    device.fleet.assign(turn=grant(rule))
    device.until(lambda: device.report.number == device.fleet.number, "the assignment is in force")
    device.restart()
    device.fleet.direct(rule, crit=CRIT)
    device.settle_on(rule.release)


def test_a_turn_that_is_taken_back_is_none_for_who_has_not_begun(device: Watched, base: Digest) -> None:
    rule = in_turns(device)
    device.fleet.assign(turn=grant(rule))
    device.fleet.assign()
    device.until(lambda: device.report.number == device.fleet.number, "the assignment is in force")
    device.fleet.direct(rule, crit=CRIT)
    waits_for_its_turn(device)


def test_waiting_for_its_turn_it_follows_a_newer_order(device: Watched, base: Digest) -> None:
    device.fleet.direct(in_turns(device), crit=CRIT)
    waits_for_its_turn(device)
    device.restart()
    waits_for_its_turn(device)
    newer = device.publish("1.9", 9)
    device.fleet.direct(newer)
    device.settle_on(newer)


def test_a_rollback_waits_for_no_turn(device: Watched, base: Digest) -> None:
    after = device.publish("1.1", 2)
    device.fleet.direct(after)
    device.settle_on(after)
    device.fleet.direct(device.fleet.rule(base, kind=RuleKind.ROLLBACK, turn=True), crit=CRIT)
    device.settle_on(base)


def test_the_first_release_of_all_waits_for_no_turn(device: Watched) -> None:
    rule = in_turns(device)
    device.fleet.direct(rule, crit=CRIT)
    device.settle_on(rule.release)


@needs(Able.TIME)
def test_while_its_window_is_closed_it_asks_for_no_turn(device: Watched, base: Digest) -> None:
    span = device.fleet.in_an_hour()
    device.fleet.direct(in_turns(device), crit=CRIT, window=Window(activate=span, download=span))
    device.until(lambda: device.waits_for(WaitingFor.WINDOW), "it waits for its window")
    device.until(lambda: device.waits_for(WaitingFor.TURN), "its window is open", within_seconds=3700)
    device.until(lambda: device.waits_for(WaitingFor.WINDOW), "its window is closed again", within_seconds=3700)
    assert device.runs(1)
