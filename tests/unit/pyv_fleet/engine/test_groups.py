"""Groups on the real engine: checked whole, labels at once, values step by step, and nobody twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pyv_fleet.core.views import DevicePatch, GroupBody, GroupSpec, GroupVerb, GroupView, RolloutSpec
from pyv_fleet.core.words import GroupState
from pyv_fleet.engine.errors import Conflict, FleetError, Invalid, NotFound
from pyvorin_edge.vocabulary import HealthStatus, Outcome
from running.bench import Bench, bench
from running.members import Members

CONFIG = b'[logging]\nlevel = "INFO"\n'
DEBUG: dict[str, Any] = {"logging": {"level": "DEBUG"}}
ERROR: dict[str, Any] = {"logging": {"level": "ERROR"}}
ALL = ("FLEET-1", "FLEET-2", "FLEET-3", "FLEET-4")
WHY = GroupVerb(reason="x")


def play(path: Path, scene: Callable[[Members], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench(path) as place:
            members = Members(place, await place.release("1.0", CONFIG, open_pointers=("/logging",)))
            await place.order(members.release)
            await members.enrol(*ALL, site="a")
            await members.obey(*ALL)
            await scene(members)

    asyncio.run(run())


async def put(place: Bench, name: str = "sites", **terms: Any) -> GroupView:
    more = {key: terms.pop(key) for key in ("dry_run", "expect_count") if key in terms}
    spec = GroupSpec(**{"selector": "site=a", "soak_seconds": 10, "at_once": 2, **terms})
    return await place.desk.groups.put(name, GroupBody(spec=spec, reason="ticket", **more), "op")


async def until_settled(members: Members, name: str = "sites") -> GroupView:
    """All obey, until the group has come to its end."""
    for _ in range(20):
        await members.tick(11)
        await members.obey(*members.seqs)
        view = await members.place.desk.groups.get(name)
        if view.state is not GroupState.STEPPING:
            return view
    raise AssertionError(view.because)


def who_has(members: Members, values: dict[str, Any]) -> list[str]:
    return [name for name in members.seqs if members.told(name).overlay == values]


def test_a_canary_goes_first_then_bounded_steps_each_proved_before_the_next(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        view = await put(members.place, values=DEBUG)
        assert (view.members, view.behind, view.state) == (4, 4, GroupState.STEPPING)
        await members.tick()
        assert who_has(members, DEBUG) == ["FLEET-1"]
        await members.tick(1000)
        assert who_has(members, DEBUG) == ["FLEET-1"]
        await members.obey("FLEET-1")
        await members.tick()
        await members.tick(5)
        assert who_has(members, DEBUG) == ["FLEET-1"]
        await members.tick(6)
        assert who_has(members, DEBUG) == ["FLEET-1", "FLEET-2", "FLEET-3"]
        await members.tick(100)
        assert who_has(members, DEBUG) == ["FLEET-1", "FLEET-2", "FLEET-3"]
        view = await until_settled(members)
        assert (view.state, view.behind, who_has(members, DEBUG)) == (GroupState.SETTLED, 0, list(ALL))
        assert view.values_before == DEBUG

    play(tmp_path, scene)


@pytest.mark.parametrize(
    "badly", [{"outcome": Outcome.REJECTED}, {"outcome": Outcome.FAILED}, {"health": {"status": "unhealthy"}}]
)
def test_a_canary_that_does_not_take_it_stops_it_and_reverting_brings_the_canary_back(
    tmp_path: Path, badly: dict[str, Any]
) -> None:
    async def scene(members: Members) -> None:
        desk = members.place.desk
        await put(members.place, values=DEBUG)
        await members.tick()
        await members.obey("FLEET-1", **badly)
        await members.tick()
        view = await desk.groups.get("sites")
        assert view.state is GroupState.STOPPED
        assert "FLEET-1" in view.because
        assert [one.name for one in (await desk.alerting.page(None, 9)).items if one.state == "firing"] == [
            "group_stopped"
        ]
        await members.tick(10_000)
        assert who_has(members, DEBUG) == ["FLEET-1"]
        await desk.groups.revert("sites", WHY, "op")
        await members.tick()
        await members.tick()
        assert who_has(members, {}) == list(ALL)
        view = await desk.groups.get("sites")
        assert (view.state, view.spec.values) == (GroupState.SETTLED, {})
        assert not [one for one in (await desk.alerting.page(None, 9)).items if one.state == "firing"]

    play(tmp_path, scene)


def test_a_member_that_does_not_settle_in_time_stops_it_and_resuming_goes_on_without_it(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await put(members.place, values=DEBUG, deadline_seconds=60)
        await members.tick()
        await members.tick(61)
        assert (await members.place.desk.groups.get("sites")).state is GroupState.STOPPED
        await members.place.desk.groups.resume("sites", WHY, "op")
        await members.tick()
        assert who_has(members, DEBUG) == ["FLEET-1", "FLEET-2"]
        with pytest.raises(Conflict, match="has not stopped"):
            await members.place.desk.groups.resume("sites", WHY, "op")

    play(tmp_path, scene)


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await put(members.place, values=DEBUG, labels={"tier": "gold"})
        first = await until_settled(members)
        sent, lines = len(members.place.ledger.sent), (await members.place.desk.audit(None, 99)).total
        again = await put(members.place, values=DEBUG, labels={"tier": "gold"})
        await members.tick(100)
        assert again == first
        assert (len(members.place.ledger.sent), (await members.place.desk.audit(None, 99)).total) == (sent, lines)

    play(tmp_path, scene)


def test_a_change_of_values_goes_through_the_canary_too_and_back_without(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await put(members.place, values=DEBUG)
        await until_settled(members)
        await put(members.place, values=ERROR)
        await members.tick()
        assert who_has(members, ERROR) == ["FLEET-1"]
        assert (await put(members.place, values=DEBUG)).behind == 1
        await members.tick()
        assert who_has(members, DEBUG) == list(ALL)

    play(tmp_path, scene)


def test_labels_come_at_once_and_do_not_choose_members_of_other_groups(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await put(members.place, name="golden", selector="tier=gold", labels={"loop": "yes"})
        await put(members.place, labels={"tier": "gold"})
        await members.tick()
        assert all(members.told(name).labels == {"site": "a", "tier": "gold"} for name in ALL)
        assert (await members.place.desk.groups.get("golden")).members == 0
        await put(members.place, labels={})
        await members.tick()
        assert members.told("FLEET-1").labels == {"site": "a"}

    play(tmp_path, scene)


def test_a_device_that_gets_or_loses_the_label_joins_or_leaves_at_once(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await put(members.place, values=DEBUG, labels={"tier": "gold"})
        await until_settled(members)
        change = members.place.desk.assignments.change
        left = await change("FLEET-4", DevicePatch(labels={"site": "b"}, reason="moved"), "op")
        assert (left.overlay, left.labels, left.groups) == ({}, {"site": "b"}, ())
        joined = await change("FLEET-4", DevicePatch(labels={"site": "a"}, reason="moved back"), "op")
        assert (joined.overlay, joined.groups) == (DEBUG, ("sites",))
        assert joined.labels == {"site": "a", "tier": "gold"}
        assert joined.sources == {"/logging/level": "group sites"}
        assert (await members.place.desk.groups.get("sites")).behind == 0

    play(tmp_path, scene)


def test_a_device_that_enrols_later_is_dressed_in_its_first_assignment(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await put(members.place, values=DEBUG, labels={"tier": "gold"})
        await until_settled(members)
        await put(members.place, values=ERROR, labels={"tier": "gold"})
        await members.tick()
        await members.enrol("FLEET-5", site="a")
        told = members.told("FLEET-5")
        assert (told.labels, told.overlay) == ({"site": "a", "tier": "gold"}, DEBUG)
        await members.obey("FLEET-5")
        await until_settled(members)
        assert "FLEET-5" in who_has(members, ERROR)

    play(tmp_path, scene)


def test_the_devices_own_value_counts_whatever_groups_say_and_stays_when_they_go(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        change = members.place.desk.assignments.change
        await change("FLEET-1", DevicePatch(overlay=ERROR, reason="own"), "op")
        await put(members.place, values=DEBUG)
        await until_settled(members)
        view = await members.place.desk.assignments.get("FLEET-1")
        assert (view.overlay, view.own_overlay, view.sources) == (ERROR, ERROR, {"/logging/level": "device"})
        view = await change("FLEET-1", DevicePatch(overlay={}, reason="no longer"), "op")
        assert view.overlay == DEBUG
        await members.place.desk.groups.delete("sites", WHY, "op")
        for _ in range(9):
            await members.tick(11)
            await members.obey(*ALL)
        assert who_has(members, {}) == list(ALL)
        with pytest.raises(NotFound):
            await members.place.desk.groups.get("sites")

    play(tmp_path, scene)


def test_an_edit_of_one_device_does_not_bring_it_values_whose_canary_is_under_way(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await put(members.place, values=DEBUG)
        await members.tick()
        change = members.place.desk.assignments.change
        view = await change("FLEET-4", DevicePatch(labels={"x": "y"}, reason="x"), "op")
        assert view.overlay == {}

    play(tmp_path, scene)


def test_members_offline_are_given_it_last_and_take_it_when_they_come_back(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await members.enrol("FLEET-0", site="a")
        await put(members.place, values=DEBUG)
        view = await until_settled(members)
        assert (view.state, view.behind) == (GroupState.SETTLED, 0)
        assert "1 take them when they come back" in view.because
        assert members.told("FLEET-0").overlay == DEBUG

    play(tmp_path, scene)


def test_values_wait_while_the_members_channel_rolls_out(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await members.place.release("2.0", CONFIG + b"# new\n", open_pointers=("/logging",))
        spec = RolloutSpec(channel="stable", release="2.0", reason="x")
        await members.place.desk.create_rollout(spec, "op", None)
        await put(members.place, values=DEBUG)
        await members.tick(100)
        view = await members.place.desk.groups.get("sites")
        assert "waits for rollout" in view.because
        assert who_has(members, DEBUG) == []

    play(tmp_path, scene)


def test_a_look_says_what_it_would_touch_and_touches_nothing(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        view = await put(members.place, values=DEBUG, dry_run=True)
        assert (view.members, view.behind) == (4, 4)
        assert await members.place.desk.groups.every() == ()
        with pytest.raises(Conflict, match="4 devices, 3 were expected"):
            await put(members.place, values=DEBUG, expect_count=3)
        assert await members.place.desk.groups.every() == ()

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("name", "terms", "kind", "named"),
    [
        ("Big Name", {}, Invalid, "lower-case"),
        ("g", {"selector": None}, Invalid, "everyone: true"),
        ("g", {"values": {"health": {"port": 1}}}, Invalid, "/health/port: release 1.0 opens /logging"),
        ("g", {"values": {"logging": {"level": "LOUD"}}}, Invalid, "/logging/level"),
        ("g", {"labels": {f"k{n}": "v" for n in range(16)}}, Invalid, "17 labels"),
    ],
)
def test_what_a_member_could_not_obey_is_refused_whole(
    tmp_path: Path, name: str, terms: dict[str, Any], kind: type[FleetError], named: str
) -> None:
    async def scene(members: Members) -> None:
        with pytest.raises(kind, match=named):
            await put(members.place, name=name, **terms)
        assert await members.place.desk.groups.every() == ()

    play(tmp_path, scene)


def test_values_that_do_not_fit_who_comes_in_stop_the_group_and_do_not_keep_it_out(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        values = {"logging": {"level": "DEBUG"}, "privacy": None}
        await put(members.place, selector=None, ids=("FLEET-9",), values=values)
        await members.enrol("FLEET-9")
        await members.obey("FLEET-9")
        await members.tick()
        view = await members.place.desk.groups.get("sites")
        assert view.state is GroupState.STOPPED
        assert "/privacy" in view.because
        assert members.told("FLEET-9").overlay == {}

    play(tmp_path, scene)


def test_values_that_nobody_had_go_to_who_comes_in_as_a_canary(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await put(members.place, selector="site=new", values=DEBUG)
        await members.enrol("FLEET-8", "FLEET-9", site="new")
        await members.obey("FLEET-8", "FLEET-9")
        assert who_has(members, DEBUG) == []
        await members.tick()
        assert who_has(members, DEBUG) == ["FLEET-8"]
        assert (await until_settled(members)).behind == 0

    play(tmp_path, scene)


def test_members_are_listed_with_how_they_do(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await put(members.place, values=DEBUG)
        await members.tick()
        await members.obey("FLEET-1", health={"status": HealthStatus.DEGRADED.value})
        page = await members.place.desk.groups.members("sites", None, 2)
        assert [(one.device_id, one.current, one.standing) for one in page.items] == [
            ("FLEET-1", True, "committed"), ("FLEET-2", False, None),
        ]  # fmt: skip
        assert (page.total, page.next) == (4, "FLEET-2")

    play(tmp_path, scene)


def test_two_groups_on_one_path_the_higher_priority_counts(tmp_path: Path) -> None:
    async def scene(members: Members) -> None:
        await put(members.place, name="low", priority=1, values=DEBUG)
        await put(members.place, name="high", priority=2, values=ERROR)
        await until_settled(members, "low")
        await until_settled(members, "high")
        view = await members.place.desk.assignments.get("FLEET-1")
        assert (view.overlay, view.sources, view.groups) == (ERROR, {"/logging/level": "group high"}, ("high", "low"))

    play(tmp_path, scene)


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """All that steps know is in the store: another instance gives nobody anything twice."""

    async def scene(members: Members) -> None:
        from pyv_fleet.engine.audit import AuditLog
        from pyv_fleet.engine.goldens import Goldens
        from pyv_fleet.engine.group_steps import GroupSteps

        await put(members.place, values=DEBUG)
        await members.tick()
        engine = members.place.engine
        ground = engine.orders._ground
        anew = GroupSteps(ground, Goldens(), engine.orders, engine.alerting, AuditLog(ground))
        await anew.tick()
        assert who_has(members, DEBUG) == ["FLEET-1"]
        await members.obey("FLEET-1")
        await anew.tick()
        members.place.time.forward(11)
        await anew.tick()
        assert who_has(members, DEBUG) == ["FLEET-1", "FLEET-2", "FLEET-3"]

    play(tmp_path, scene)


def test_a_value_of_another_type_is_another_value_though_python_calls_them_equal(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            for number, value in enumerate((1, True, 1.0), 1):
                view = await put(place, values={"logging": {"level": value}})
                assert (view.revision, repr(view.spec.values)) == (number, repr({"logging": {"level": value}}))

    asyncio.run(scene())
