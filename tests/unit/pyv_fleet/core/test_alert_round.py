"""A round over many devices: one alert a device, one for a site that is out, and none twice."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pyv_fleet.core.alert_facts import Reading
from pyv_fleet.core.alert_round import Held, Looked, restless, round_of, to_count, value_of
from pyv_fleet.core.alert_rules import AlertRule, Correlate, State
from pyv_fleet.core.alerts import Move
from pyv_fleet.core.outages import Outage
from pyv_fleet.core.words import DeviceCondition, HoldState

RULE = AlertRule(
    when=State(state=DeviceCondition.UNREACHABLE), for_seconds=60, clear_for_seconds=30, correlate=Correlate()
)


@dataclass
class Book:
    """What the engine does around rounds, in memory."""

    size: dict[str, int]
    rule: AlertRule = RULE
    held: dict[str, Held] = field(default_factory=dict)
    outages: dict[str, Outage] = field(default_factory=dict)
    #: subjects whose alert is raised
    raised: set[str] = field(default_factory=set)
    ever: list[str] = field(default_factory=list)

    def look(self, second: int, *looked: Looked) -> None:
        now = 10_000_000 + second * 1000
        asked = to_count(self.rule, self.held, self.outages, looked, now)
        found = round_of(self.rule, self.held, self.outages, looked, {one: self.size[one] for one in asked}, now)
        for device_id, held in found.holds.items():
            self.held.pop(device_id, None)
            if held is not None:
                self.held[device_id] = held
        for value, one in found.tallies.items():
            self.outages.pop(value, None)
            if one.outage is not None:
                self.outages[value] = one.outage
            self._move(f"site={value}", one.move)
        for device_id in found.resolved:
            self._move(device_id, Move.RESOLVE)
        for device_id in found.raised:
            self._move(device_id, Move.RAISE)

    def _move(self, subject: str, move: Move | None) -> None:
        if move is Move.RAISE:
            assert subject not in self.raised, f"{subject} is raised twice"
            self.raised.add(subject)
            self.ever.append(subject)
        elif move is Move.RESOLVE:
            assert subject in self.raised
            self.raised.discard(subject)


def gone(*numbers: int, site: str = "berlin") -> list[Looked]:
    return [Looked(f"dev-{number:03}", Reading.HOLDS, site) for number in numbers]


def back(*numbers: int, site: str = "berlin") -> list[Looked]:
    return [Looked(f"dev-{number:03}", Reading.OVER, site) for number in numbers]


def test_a_site_that_loses_its_uplink_is_one_alert_however_its_devices_are_noticed() -> None:
    book = Book({"berlin": 500})
    for number in range(500):  # noticed one after the other within half a minute
        book.look(number // 17, *gone(number))
    book.look(60, *gone(0))
    assert book.raised == set()
    for second in range(61, 120, 10):
        book.look(second, *gone(second % 500))
    assert book.ever == ["site=berlin"]


def test_when_it_is_over_whoever_is_still_away_has_an_alert_of_his_own() -> None:
    book = Book({"berlin": 500})
    book.look(0, *gone(*range(500)))
    book.look(60, *gone(*range(500)))
    book.look(100, *back(*range(498)))
    assert book.raised == {"site=berlin"}
    book.look(130)
    assert book.raised == {"dev-498", "dev-499"}
    book.look(140, *back(498, 499))
    book.look(170, *back(498, 499))
    assert book.raised == set()
    assert book.held == {}


def test_single_alerts_that_were_raised_before_are_folded_into_it() -> None:
    book = Book({"berlin": 10})
    book.look(0, *gone(1))
    book.look(60, *gone(1))
    book.look(70, *gone(2, 3, 4, 5, 6))
    assert book.raised == {"dev-001"}
    book.look(131, *gone(2))
    assert book.raised == {"site=berlin"}


def test_what_looked_like_an_outage_and_was_none_leaves_single_alerts() -> None:
    book = Book({"berlin": 10})
    book.look(0, *gone(1, 2, 3, 4, 5, 6))
    book.look(40, *back(3, 4, 5, 6))
    assert book.ever == []
    book.look(60, *gone(1, 2))
    assert book.raised == {"dev-001", "dev-002"}


def test_a_held_back_alert_is_never_forgotten() -> None:
    book = Book({"berlin": 10})
    book.look(0, *gone(1))
    book.look(50, *gone(2, 3, 4, 5))
    assert restless(RULE, book.held, book.outages) == {"berlin"}
    book.look(62, *gone(1))
    assert book.raised == set()
    for second in range(63, 130):
        book.look(second)
    assert book.raised == {"site=berlin"}


def test_sites_do_not_disturb_each_other() -> None:
    book = Book({"berlin": 10, "rome": 10, "": 3})
    looked = [*gone(*range(10)), *gone(20, site="rome"), *gone(30, site="")]
    book.look(0, *looked)
    book.look(60, *looked)
    assert book.raised == {"site=berlin", "dev-020", "dev-030"}


def test_a_rule_without_groups_raises_each() -> None:
    book = Book({}, rule=msgspec.structs.replace(RULE, correlate=None))
    looked = [Looked(one.device_id, one.reading) for one in gone(*range(10))]
    book.look(0, *looked)
    book.look(60, *looked)
    assert len(book.raised) == 10
    assert value_of(book.rule, {"site": "berlin"}) == ""


events = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.lists(st.integers(0, 11), max_size=12),
        st.sampled_from([Reading.HOLDS, Reading.HOLDS, Reading.OVER, Reading.OPEN, Reading.UNHEARD]),
    ),
    max_size=30,
)


@settings(max_examples=25)
@given(events)
def test_at_most_one_alert_a_subject_and_in_the_end_whoever_is_away_is_told_of(
    said: list[tuple[int, list[int], Reading]],
) -> None:
    book, second, away = Book({"berlin": 12}), 0, set[int]()
    for gap, numbers, reading in said:
        second += gap
        book.look(second, *(Looked(f"dev-{one:03}", reading, "berlin") for one in set(numbers)))
    for number in range(0, 12, 3):
        away.add(number)
    for _ in range(50):  # time passes; four stay away, the others are there
        second += 30
        looked = [*gone(*away), *back(*(set(range(12)) - away))]
        book.look(second, *looked)
    if book.outages:  # it began as one, and is not over before few enough are left
        assert book.raised == {"site=berlin"}
    else:
        assert book.raised == {f"dev-{one:03}" for one in away}
    assert all(held.hold.state is not HoldState.PENDING for held in book.held.values())
