"""Steps against any interleaving: never more than a step unproved, nobody after a stop, and it always ends."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyv_fleet.core.group_steps import Behind, Done, Give, Given, StepTerms, Stop, Wait, decide
from pyv_fleet.core.words import MemberStanding as S

NAMES = st.sampled_from([f"d{n}" for n in range(9)])
TERMS = StepTerms(canary=2, at_once=3, soak_seconds=10, deadline_seconds=100)


def given_(device_id: str, standing: S, *, at: int = 0, good_at: int | None = None, excused: bool = False) -> Given:
    good = good_at if standing is S.COMMITTED else None
    return Given(device_id=device_id, given_at=at, standing=standing, good_at=good, excused=excused)


def behind(*names: str, online: bool = True, waits_for: str = "") -> list[Behind]:
    return [Behind(device_id=name, online=online, waits_for=waits_for) for name in names]


def test_the_canary_is_of_the_stated_number_and_of_those_online() -> None:
    found = decide(TERMS, [], [*behind("a", online=False), *behind("b", "c", "d")], 0)
    assert isinstance(found, Give)
    assert found.device_ids == ("b", "c")


def test_nobody_follows_before_all_have_settled_and_soaked() -> None:
    half = [given_("a", S.COMMITTED, good_at=0), given_("b", S.APPLYING)]
    assert isinstance(decide(TERMS, half, behind("c"), 50_000), Wait)
    both = [given_("a", S.COMMITTED, good_at=0), given_("b", S.COMMITTED, good_at=45_000)]
    assert isinstance(decide(TERMS, both, behind("c"), 50_000), Wait)
    assert isinstance(decide(TERMS, both, behind("c"), 55_000), Give)


def test_later_steps_are_bounded_and_those_offline_come_last_and_are_not_waited_for() -> None:
    good = [given_("a", S.COMMITTED, good_at=0), given_("b", S.COMMITTED, good_at=0)]
    found = decide(TERMS, good, [*behind("c", online=False), *behind("d", "e", "f", "g")], 99_000)
    assert isinstance(found, Give)
    assert found.device_ids == ("d", "e", "f")
    away = [*good, given_("c", S.DEFERRED)]
    assert isinstance(decide(TERMS, away, [], 99_000), Done)


@pytest.mark.parametrize("standing", [S.FAILED, S.REVERTED, S.UNHEALTHY])
def test_a_single_bad_member_stops_it_and_is_named(standing: S) -> None:
    found = decide(TERMS, [given_("a", S.COMMITTED, good_at=0), given_("b", standing)], behind("c"), 99_000)
    assert isinstance(found, Stop)
    assert found.because.startswith("b: ")


@pytest.mark.parametrize("standing", [S.APPLYING, S.LOST])
def test_who_does_not_settle_in_time_stops_it_unless_it_waits_as_it_was_told(standing: S) -> None:
    late = [given_("a", standing)]
    assert isinstance(decide(TERMS, late, behind("c"), 100_000), Wait)
    assert isinstance(decide(TERMS, late, behind("c"), 100_001), Stop)
    assert isinstance(decide(TERMS, late, [], 100_001), Stop)
    assert isinstance(decide(TERMS, [given_("a", standing, excused=True)], behind("c"), 900_000), Wait)


def test_without_anyone_online_nobody_goes_first() -> None:
    assert isinstance(decide(TERMS, [], behind("a", online=False), 0), Wait)


def test_members_of_a_channel_that_rolls_out_wait_and_the_reason_is_said() -> None:
    found = decide(TERMS, [], behind("a", waits_for="rollout r-1 of stable"), 0)
    assert found == Wait("waits for rollout r-1 of stable")


def test_fewer_online_than_should_go_first_are_enough_once_they_are_good() -> None:
    found = decide(TERMS, [given_("a", S.COMMITTED, good_at=0)], behind("b", "c", online=False), 99_000)
    assert isinstance(found, Give)
    assert found.device_ids == ("b", "c")


def test_going_back_asks_nobody_to_go_first() -> None:
    back = StepTerms(canary=1, at_once=1, soak_seconds=99, deadline_seconds=1, back=True)
    bad = [given_("a", S.FAILED)]
    found = decide(back, bad, behind("b", "c", waits_for="a rollout"), 99_000)
    assert isinstance(found, Give)
    assert found.device_ids == ("b", "c")
    assert isinstance(decide(back, bad, [], 99_000), Done)


@dataclass
class World:
    """Members that behave as hypothesis says, stepped until it ends."""

    fates: dict[str, S]
    online: dict[str, bool]
    given: dict[str, int] = field(default_factory=dict)
    good_at: dict[str, int] = field(default_factory=dict)
    now: int = 0

    def look(self) -> tuple[list[Given], list[Behind]]:
        given = []
        for name, at in self.given.items():
            standing = self.standing(name)
            if standing is S.COMMITTED:
                self.good_at.setdefault(name, self.now)
            given.append(given_(name, standing, at=at, good_at=self.good_at.get(name)))
        left = [name for name in self.fates if name not in self.given]
        return given, [Behind(device_id=name, online=self.online[name]) for name in left]

    def standing(self, name: str) -> S:
        if not self.online[name]:
            return S.DEFERRED
        return S.APPLYING if self.now == self.given[name] else self.fates[name]


@settings(max_examples=300)
@given(
    fates=st.dictionaries(NAMES, st.sampled_from([S.COMMITTED] * 5 + [S.FAILED, S.APPLYING]), min_size=1),
    offline=st.sets(NAMES),
    canary=st.integers(1, 3),
    at_once=st.integers(1, 4),
)
def test_whatever_members_do_no_more_than_a_step_is_unproved_and_it_ends(
    fates: dict[str, S], offline: set[str], canary: int, at_once: int
) -> None:
    terms = StepTerms(canary=canary, at_once=at_once, soak_seconds=5, deadline_seconds=30)
    world = World(fates, {name: name not in offline for name in fates})
    for _ in range(200):
        given, left = world.look()
        found = decide(terms, given, left, world.now)
        match found:
            case Give(device_ids, _):
                assert set(device_ids) <= {one.device_id for one in left}
                assert all(world.standing(name) in (S.COMMITTED, S.DEFERRED) for name in world.given)
                assert len(device_ids) <= (at_once if world.given else canary)
                world.given |= dict.fromkeys(device_ids, world.now)
            case Stop(_):
                assert any(fates[name] is not S.COMMITTED and world.online[name] for name in world.given)
                return
            case Done(_):
                assert set(world.given) == set(fates)
                assert all(fates[name] is S.COMMITTED for name in fates if world.online[name])
                return
            case Wait(_):
                if not any(world.online.values()):
                    return
        world.now += 1_000
    raise AssertionError("it did not end")
