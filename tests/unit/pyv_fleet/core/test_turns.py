"""Turns: never more than k of a value at it or free to begin, and everybody who can have a turn gets one at last."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyv_fleet.core.policy import Herd
from pyv_fleet.core.turns import AT_WORK, Asking, Flight, counted, fate, next_turns, rounds, value_of
from pyv_fleet.core.words import TurnFate
from pyvorin_edge.vocabulary import Phase, WaitingFor

HERD = Herd(at_once=2, label="site", silent_seconds=100)
HOLDER = Flight(
    device_id="FLEET-1", value="berlin", holds=True, granted=True, heard=True, done=False, phase=Phase.PROVING
)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, TurnFate.KEPT),
        ({"heard": False, "phase": Phase.WAITING, "waiting_for": WaitingFor.TURN}, TurnFate.KEPT),
        ({"phase": Phase.WAITING, "waiting_for": WaitingFor.SETTLE}, TurnFate.KEPT),
        ({"phase": Phase.WAITING, "waiting_for": WaitingFor.WINDOW}, TurnFate.TAKEN_BACK),
        ({"phase": Phase.WAITING, "waiting_for": WaitingFor.TURN}, TurnFate.TAKEN_BACK),
        ({"phase": Phase.SETTLED}, TurnFate.TAKEN_BACK),
        ({"phase": Phase.SETTLED, "done": True}, TurnFate.USED),
        ({"phase": Phase.SETTLED, "granted": False, "heard": False}, TurnFate.KEPT),
        ({"phase": Phase.SETTLED, "granted": False}, TurnFate.ENDED),
        ({"granted": False}, TurnFate.KEPT),
        ({"holds": False, "granted": False}, TurnFate.KEPT),
        ({"silent_seconds": 100}, TurnFate.KEPT),
        ({"silent_seconds": 101}, TurnFate.FORGOTTEN),
        ({"heard": False, "phase": Phase.WAITING, "deaf_seconds": 101}, TurnFate.FORGOTTEN),
    ],
)
def test_a_turn_lasts_until_its_device_said_that_it_is_over(changes: dict[str, Any], expected: TurnFate) -> None:
    assert fate(msgspec.structs.replace(HOLDER, **changes), HERD) is expected


def test_who_has_waited_longest_is_next_and_each_value_has_its_own_places() -> None:
    asking = [Asking("d", "berlin", 5), Asking("a", "berlin", 9), Asking("b", None, 7), Asking("c", "berlin", 5)]
    assert next_turns(HERD, Counter({"berlin": 1}), asking, lambda _: True) == ("c", "b")


def test_who_is_not_entitled_takes_no_place() -> None:
    asking = [Asking("a", "berlin", 1), Asking("b", "berlin", 2)]
    assert next_turns(HERD, Counter({"berlin": 1}), asking, lambda one: one == "b") == ("b",)


def test_without_a_label_all_are_one_group_and_who_lacks_it_is_one_of_its_own() -> None:
    assert value_of({"site": "berlin"}, Herd(at_once=1)) is None
    assert (value_of({"site": "berlin"}, HERD), value_of({}, HERD)) == ("berlin", None)


def test_the_largest_group_says_how_many_turns_follow_each_other() -> None:
    assert rounds(["a", "a", "a", "b"], HERD) == 2
    assert (rounds([], HERD), rounds(["a", "a", "a"], None)) == (1, 1)


def test_a_herd_says_itself() -> None:
    assert (str(HERD), str(Herd(at_once=20))) == ("2 at once per site", "20 at once")


# a fleet in which anything happens in any order


@dataclass
class Device:
    """What is so on the device, what the controller told it, and what it last said."""

    value: str
    wants: int = 1
    ran: int = 0
    grant: int | None = None
    has: int = 0
    phase: Phase = Phase.WAITING
    open: bool = True
    online: bool = True
    # what it was told
    told: int = 0
    turn: int | None = None
    holds: bool = False
    told_at: int = 0
    # what it said
    said: dict[str, Any] = field(default_factory=dict)
    seen_at: int = 0

    @property
    def may_begin(self) -> bool:
        return self.phase is Phase.WAITING and self.grant == self.wants

    def say(self, now: int) -> None:
        if self.online:
            waits = None if self.phase is not Phase.WAITING else WaitingFor.TURN if self.open else WaitingFor.WINDOW
            self.said = {"has": self.has, "phase": self.phase, "for": waits, "ran": self.ran, "wants": self.wants}
            self.seen_at = now

    def hear(self, wants: int) -> None:
        """The newest assignment and directive."""
        if not self.online:
            return
        self.has, self.grant = self.told, self.turn
        if self.phase in (Phase.WAITING, Phase.SETTLED) and self.wants != wants:
            self.wants, self.phase = wants, Phase.WAITING

    def work(self, well: bool) -> None:
        if self.may_begin and self.open:
            self.phase = Phase.PROVING
        elif self.phase is Phase.PROVING:
            self.phase, self.ran = (Phase.SETTLED, self.wants) if well else (Phase.WAITING, self.ran)

    def flight(self, now: int, wants: int) -> Flight:
        heard = self.said.get("has") == self.told
        return Flight(
            device_id=str(id(self)),
            value=self.value,
            holds=self.holds,
            granted=self.turn is not None,
            heard=heard,
            done=self.turn == wants == self.said.get("ran") and self.said["phase"] is Phase.SETTLED,
            phase=self.said.get("phase"),
            waiting_for=self.said.get("for"),
            silent_seconds=0 if self.online else now - self.seen_at,
            deaf_seconds=0 if heard else now - self.told_at,
        )


class Fleet:
    """Devices and the look that the engine takes, with its decisions from the core alone."""

    def __init__(self, values: str) -> None:
        self.devices = {f"d{n}": Device(value) for n, value in enumerate(values)}
        self.wants, self.now = 1, 0
        for one in self.devices.values():
            one.say(0)

    def look(self) -> None:
        flights = []
        for one in self.devices.values():
            flight = one.flight(self.now, self.wants)
            if not one.holds and flight.phase not in AT_WORK:
                continue
            flights.append(flight)
            word = fate(flight, HERD)
            if one.holds and word in (TurnFate.TAKEN_BACK, TurnFate.FORGOTTEN) and one.turn is not None:
                self._tell(one, None)
            one.holds = one.holds and word in (TurnFate.KEPT, TurnFate.TAKEN_BACK)
        asking = [
            Asking(name, one.value, one.seen_at)
            for name, one in self.devices.items()
            if one.online and not one.holds and one.said["for"] is WaitingFor.TURN and one.said["has"] == one.told
        ]
        wants = self.wants
        for name in next_turns(HERD, counted(flights, HERD), asking, lambda n: self.devices[n].said["wants"] == wants):
            self._tell(self.devices[name], wants)
            self.devices[name].holds = True

    def _tell(self, one: Device, turn: int | None) -> None:
        one.turn, one.told, one.told_at = turn, one.told + 1, self.now

    def do(self, what: str, which: str, well: bool) -> None:
        one = self.devices[which]
        match what:
            case "hear":
                one.hear(self.wants)
            case "work":
                one.work(well)
            case "window":
                one.open = not one.open
            case "cut":
                one.online = False
            case "back":
                one.online = True
                one.hear(self.wants)
            case "move":
                self.wants += 1
            case "time":
                self.now += 40
        one.say(self.now)

    def free(self, one: Device) -> bool:
        """At it, or free to begin, and not given up for its silence."""
        silent = 0 if one.online else self.now - one.seen_at
        heard = one.said["has"] == one.told
        given_up = max(silent, 0 if heard else self.now - one.told_at) > HERD.silent_seconds
        return (one.phase in AT_WORK or one.may_begin) and not given_up


EVENTS = ["look"] * 3 + ["hear"] * 4 + ["work"] * 4 + ["window", "cut", "back", "back", "move", "time"]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_never_more_than_k_of_a_value_and_everybody_at_last(seed: int) -> None:
    fleet, chance = Fleet("aaaabbb"), random.Random(seed)
    forgotten: set[str] = set()
    for _ in range(150):
        what, which = chance.choice(EVENTS), chance.choice(list(fleet.devices))
        if what == "look":
            fleet.look()
        else:
            fleet.do(what, which, chance.random() < 0.7)
        # who was given up may come back to its work beside others: that is what the herd's silence means
        at_work = {name for name, one in fleet.devices.items() if one.phase in AT_WORK}
        forgotten = (forgotten & at_work) | {name for name in at_work if not fleet.free(fleet.devices[name])}
        at_it = Counter(one.value for name, one in fleet.devices.items() if fleet.free(one) and name not in forgotten)
        assert max(at_it.values(), default=0) <= HERD.at_once, (what, which, at_it)
    for name, one in fleet.devices.items():
        one.open = True
        fleet.do("back", name, True)
    for _ in range(40):
        fleet.look()
        for name in fleet.devices:
            fleet.do("hear", name, True)
            fleet.do("work", name, True)
    assert {one.ran for one in fleet.devices.values()} == {fleet.wants}
