"""One order takes the fleet back, and who acknowledged how fast is counted by the devices' own words."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pyv_fleet.core.policy import HoldOut
from pyv_fleet.core.rollback import Standing
from pyv_fleet.core.views import RollbackSpec, RollbackView
from pyv_fleet.core.words import ReturnStanding, RollbackState
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.rollback_views import view_of
from pyv_fleet.store import devices, orders, releases
from pyv_fleet.store.rollbacks import AckRecord, RollbackRecord
from pyvorin_edge.identity import Digest
from pyvorin_edge.orders import Rule, encode_order
from pyvorin_edge.vocabulary import Connectivity, Phase, RuleKind
from running.rehearsal import Rehearsal, rehearsal


def play(path: Path, scene: Callable[[Rehearsal], Awaitable[None]]) -> None:
    async def run() -> None:
        async with rehearsal(path) as stage:
            await scene(stage)

    asyncio.run(run())


def back(to: str, **terms: Any) -> RollbackSpec:
    everywhere = "channels" not in terms
    return RollbackSpec(to=to, reason="it broke", **{"all": everywhere, **terms})


async def two_releases(stage: Rehearsal, count: int = 5, offline: int = 0) -> None:
    """The channel went from 1.0 to 1.1, whole."""
    await stage.enrol(count, offline=offline)
    await stage.based_on("1.0")
    await stage.release("1.1")
    await stage.roll("1.1", "1", "100%")
    for _ in range(2):
        await stage.obey()
        await stage.wait(12)


def test_every_online_device_acknowledges_and_the_seconds_are_counted(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage, 5, offline=1)
        begun = await stage.rollbacks.start(back("1.0", expect_count=5), "op")
        assert (begun.devices, begun.online, begun.acknowledged, begun.done) == (5, 4, 0, False)
        assert (len(begun.missing), begun.waiting, begun.away, begun.state) == (4, 4, 1, RollbackState.RUNNING)
        for number, seconds in enumerate((1, 2, 4, 8)):
            stage.now += seconds * 1000
            await stage.obey(f"FLEET-simulated-{number}")
        ended = await stage.rollbacks.status(begun.id)
        assert (ended.online, ended.acknowledged, ended.missing, ended.done) == (4, 4, (), True)
        assert ended.state is RollbackState.STANDING
        assert ended.first_seconds == pytest.approx(1, abs=0.2)
        assert ended.median_seconds == pytest.approx(5, abs=0.2)
        assert ended.last_seconds == pytest.approx(15, abs=0.2)
        assert await stage.running() == {"-": 1, "1.0": 4}

    play(tmp_path, scene)


def test_who_was_away_comes_back_on_the_right_release_and_is_counted(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage, 3)
        await stage.say("FLEET-simulated-2", connectivity=Connectivity.OFFLINE)
        begun = await stage.rollbacks.start(back("1.0"), "op")
        await stage.obey()
        before = await stage.rollbacks.status(begun.id)
        assert (before.acknowledged, before.done) == (2, True)
        stage.now += 1_000_000
        await stage.say("FLEET-simulated-2", connectivity=Connectivity.ONLINE)
        await stage.obey()
        after = await stage.rollbacks.status(begun.id)
        assert (after.acknowledged, after.online_acknowledged, after.last_seconds) == (3, 2, before.last_seconds)
        assert (after.away, after.state) == (0, RollbackState.COMPLETED)

    play(tmp_path, scene)


def test_a_device_that_runs_the_target_but_has_not_heard_the_order_has_not_acknowledged(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(2)
        await stage.based_on("1.0")
        begun = await stage.rollbacks.start(back("1.0"), "op")
        await stage.say("FLEET-simulated-0")
        assert (await stage.rollbacks.status(begun.id)).acknowledged == 0
        await stage.obey()
        assert (await stage.rollbacks.status(begun.id)).acknowledged == 2

    play(tmp_path, scene)


def test_it_supersedes_a_running_rollout_with_a_higher_attempt_than_any_before(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage)
        await stage.release("1.2")
        rollout = await stage.roll("1.2", "1", "100%")
        attempts = [rule.attempt for order in await stage.told() for rule in order.rules]
        await stage.rollbacks.start(back("1.0"), "op")
        seen = await stage.rollouts.get(rollout)
        assert (seen.state, "op rolled the channel back to 1.0" in seen.because) == ("superseded", True)
        directive = await stage.directive()
        assert directive is not None
        (rule,) = directive.rules
        assert (rule.kind, rule.open_to_all) == (RuleKind.ROLLBACK, True)
        assert rule.attempt > max(attempts)

    play(tmp_path, scene)


def test_last_good_is_what_was_whole_before_and_a_running_rollouts_baseline(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage)
        await stage.release("1.2")
        await stage.roll("1.2", "1", "100%")
        assert (await stage.rollbacks.start(back("last-good", dry_run=True), "op")).to_version == "1.1"
        rollout = (await stage.rollouts.page(None, 1)).items[0]
        await stage.act(rollout.id, "abort", stay=True)
        assert (await stage.rollbacks.start(back("last-good", dry_run=True), "op")).to_version == "1.1"
        await stage.rollbacks.start(back("1.1"), "op")
        again = await stage.rollbacks.start(back("last-good"), "op")
        assert again.to_version == "1.1"

    play(tmp_path, scene)


def test_last_good_after_a_completed_rollout_is_the_release_before(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage)
        assert (await stage.rollbacks.start(back("last-good", channels=("stable",)), "op")).to_version == "1.0"

    play(tmp_path, scene)


def test_last_good_passes_over_a_release_that_was_withdrawn(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage)
        await stage.release("1.2")
        await stage.roll("1.2", "100%", emergency=True)
        await stage.obey()
        await stage.wait(11)
        await stage.withdraw("1.1")
        assert (await stage.rollbacks.start(back("last-good", dry_run=True), "op")).to_version == "1.0"
        await stage.withdraw("1.0")
        with pytest.raises(Conflict, match="was withdrawn"):
            await stage.rollbacks.start(back("last-good"), "op")

    play(tmp_path, scene)


def test_a_whole_channel_takes_held_out_devices_along_and_says_so_before(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage)
        await stage.enrol(2, kind="lab")
        (held,) = [one.digest for one in (await stage.releases.page(None, 10)).items if one.version == "1.0"]
        await stage.hold_out(HoldOut(where={"kind": ("lab",)}, release=held))
        tried = await stage.rollbacks.start(back("1.0", dry_run=True), "op")
        assert [one.held_out for one in tried.channels] == [2]
        assert (await stage.rollbacks.start(back("1.0"), "op")).channels[0].held_out == 2

    play(tmp_path, scene)


def test_a_trial_or_a_wrong_count_changes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage)
        before = await stage.told()
        tried = await stage.rollbacks.start(back("1.0", dry_run=True), "op")
        assert (tried.devices, [one.channel for one in tried.channels], tried.to_version) == (5, ["stable"], "1.0")
        with pytest.raises(Conflict, match="5 devices, 4 were expected"):
            await stage.rollbacks.start(back("1.0", expect_count=4), "op")
        assert await stage.told() == before
        with pytest.raises(NotFound):
            await stage.rollbacks.status(tried.id)

    play(tmp_path, scene)


def test_what_cannot_be_gone_back_to_is_said(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(1)
        with pytest.raises(Conflict, match="no channel has a release"):
            await stage.rollbacks.start(back("1.0"), "op")
        await stage.based_on("1.0")
        with pytest.raises(NotFound, match="no such release"):
            await stage.rollbacks.start(back("9"), "op")
        with pytest.raises(NotFound, match="no such channel"):
            await stage.rollbacks.start(back("1.0", channels=("beta",)), "op")
        with pytest.raises(Conflict, match="name a version"):
            await stage.rollbacks.start(back("last-good"), "op")

    play(tmp_path, scene)


def test_acknowledgements_outlive_a_restart_and_go_on(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await two_releases(stage, 3)
            begun = await stage.rollbacks.start(back("1.0"), "op")
            await stage.obey("FLEET-simulated-0")
            now = stage.now
        async with rehearsal(tmp_path) as stage:
            stage.now = now
            assert (await stage.rollbacks.status(begun.id)).acknowledged == 1
            await stage.obey()
            assert (await stage.rollbacks.status(begun.id)).acknowledged == 3

    asyncio.run(scene())


def test_a_blank_never_means_the_whole_fleet(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage)
        with pytest.raises(Invalid, match="name `channels`"):
            await stage.rollbacks.start(back("1.0", all=False), "op")
        with pytest.raises(Invalid, match="name `channels`"):
            await stage.rollbacks.start(back("1.0", channels=("stable",), all=True), "op")

    play(tmp_path, scene)


async def labelled(stage: Rehearsal) -> None:
    """Three devices of one kind, two of another, all on 1.1; before that on 1.0."""
    await stage.enrol(3, kind="real")
    await two_releases(stage, 2)


def causes(seen: RollbackView) -> dict[str, tuple[ReturnStanding, str]]:
    return {one.device_id: (one.standing, one.cause) for one in seen.missing}


def test_a_selection_goes_back_and_the_others_stay(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await labelled(stage)
        begun = await stage.rollbacks.start(back("1.0", all=False, labels={"kind": ("real",)}, expect_count=3), "op")
        assert (begun.selector, begun.devices, begun.channels[0].was) == ("kind=real", 3, {"1.1": 3})
        await stage.obey()
        assert await stage.running() == {"1.0": 3, "1.1": 2}
        assert (await stage.rollbacks.status(begun.id)).state is RollbackState.COMPLETED

    play(tmp_path, scene)


def test_a_selection_while_a_rollout_runs_ends_it_where_it_is_and_says_so(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await labelled(stage)
        await stage.release("1.2")
        rollout = await stage.roll("1.2", "2", "100%")
        await stage.obey()
        before = await stage.running()
        assert before == {"1.1": 3, "1.2": 2}
        tried = await stage.rollbacks.start(back("1.0", all=False, labels={"kind": ("real",)}, dry_run=True), "op")
        assert tried.channels[0].superseded == rollout
        await stage.rollbacks.start(back("1.0", all=False, labels={"kind": ("real",)}), "op")
        assert (await stage.rollouts.get(rollout)).state == "superseded"
        await stage.obey()
        await stage.wait(30)
        await stage.obey()
        after = await stage.running()
        assert after["1.0"] == 3
        directive = await stage.directive()
        assert directive is not None
        assert [rule.hold for rule in directive.rules] == [False, True, False]

    play(tmp_path, scene)


def test_last_good_of_the_channel_is_not_moved_by_a_rollback_of_a_part(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await labelled(stage)
        await stage.rollbacks.start(back("last-good", all=False, labels={"kind": ("real",)}), "op")
        whole = await stage.rollbacks.start(back("last-good", dry_run=True), "op")
        assert whole.to_version == "1.0"

    play(tmp_path, scene)


def test_a_selection_that_no_device_has_and_one_in_two_ways_are_refused(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await labelled(stage)
        with pytest.raises(NotFound, match="no device of stable has kind=odd"):
            await stage.rollbacks.start(back("1.0", all=False, labels={"kind": ("odd",)}), "op")
        with pytest.raises(Invalid, match="which devices"):
            await stage.rollbacks.start(back("1.0", all=False), "op")

    play(tmp_path, scene)


def test_more_selections_than_rules_are_refused_and_nothing_is_ordered(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        for number in range(17):
            await stage.enrol(1, kind=f"k{number}")
        await stage.based_on("1.0")
        for number in range(15):
            await stage.rollbacks.start(back("1.0", all=False, labels={"kind": (f"k{number}",)}), "op")
        before = await stage.directive()
        with pytest.raises(Conflict, match="17 rules"):
            await stage.rollbacks.start(back("1.0", all=False, labels={"kind": ("k16",)}), "op")
        assert await stage.directive() == before

    play(tmp_path, scene)


def test_one_that_restarts_on_its_way_is_waited_for_and_who_was_online_is_never_left_out(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage, 1)
        begun = await stage.rollbacks.start(back("1.0"), "op")
        await stage.say("FLEET-simulated-0", connectivity=Connectivity.OFFLINE)
        seen = await stage.rollbacks.status(begun.id)
        assert (seen.online, seen.acknowledged, seen.done) == (1, 0, False)
        assert causes(seen) == {"FLEET-simulated-0": (ReturnStanding.OFFLINE, "")}
        await stage.say("FLEET-simulated-0", connectivity=Connectivity.ONLINE)
        await stage.obey()
        seen = await stage.rollbacks.status(begun.id)
        assert (seen.online_acknowledged, seen.missing, seen.done) == (1, (), True)

    play(tmp_path, scene)


def test_each_that_is_not_back_is_named_with_its_cause_and_ends_the_waiting(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage, 4)
        stage.sick.add("1.0")
        begun = await stage.rollbacks.start(back("1.0"), "op")
        await stage.say("FLEET-simulated-1", connectivity=Connectivity.LOST)
        await stage.obey("FLEET-simulated-2")
        await stage.say("FLEET-simulated-3", generation=begun.channels[0].generation, phase=Phase.FETCHING)
        seen = await stage.rollbacks.status(begun.id)
        assert causes(seen) == {
            "FLEET-simulated-0": (ReturnStanding.UNHEARD, ""),
            "FLEET-simulated-1": (ReturnStanding.LOST, ""),
            "FLEET-simulated-2": (ReturnStanding.FAILED, "failed: gate (adapter temp-01 failed)"),
            "FLEET-simulated-3": (ReturnStanding.MOVING, "fetching"),
        }
        assert (seen.waiting, seen.done) == (2, False)
        for name in ("FLEET-simulated-0", "FLEET-simulated-3"):
            await stage.obey(name)
        ended = await stage.rollbacks.status(begun.id)
        assert (ended.done, ended.state, len(ended.missing)) == (True, RollbackState.STANDING, 4)

    play(tmp_path, scene)


def test_a_pinned_device_is_not_counted_but_named_while_it_runs_something_else(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage, 2)
        async with stage.database.begin() as connection:
            device = await devices.get(connection, "FLEET-simulated-0")
            assert device is not None
            pin = {"release": "f" * 64, "attempt": 1, "kind": "release"}
            await devices.save(connection, replace(device, pin=pin))
        begun = await stage.rollbacks.start(back("1.0", expect_count=1), "op")
        await stage.obey("FLEET-simulated-1")
        seen = await stage.rollbacks.status(begun.id)
        assert (seen.devices, seen.exempt, seen.done, seen.state) == (1, 1, True, RollbackState.COMPLETED)
        assert [one.standing for one in seen.missing] == [ReturnStanding.PINNED]

    play(tmp_path, scene)


def test_the_report_names_the_message_the_versions_and_each_device(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage, 3, offline=1)
        begun = await stage.rollbacks.start(back("1.0"), "op")
        stage.now += 2000
        await stage.obey("FLEET-simulated-1")
        stage.now += 1000
        await stage.obey("FLEET-simulated-0")
        report = await stage.rollbacks.report("last")
        (part,) = report.rollback.channels
        directive = await stage.directive()
        assert directive is not None
        assert (part.was, part.version, part.generation) == ({"1.1": 2, "no release": 1}, "1.0", directive.generation)
        assert part.message_sha256 == hashlib.sha256(encode_order(directive)).hexdigest()
        assert [(one.device_id[-1], one.standing.value, one.seconds) for one in report.devices] == [
            ("0", "back", pytest.approx(3, abs=0.2)),
            ("1", "back", pytest.approx(2, abs=0.2)),
            ("2", "away", None),
        ]
        acks = await stage.rollbacks.acknowledgements(begun.id, 1, 10)
        assert [one.device_id for one in acks.items] == ["FLEET-simulated-0"]

    play(tmp_path, scene)


def test_another_order_ends_it_and_keeps_where_each_device_stood(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage, 2)
        first = await stage.rollbacks.start(back("1.0"), "op")
        await stage.obey("FLEET-simulated-0")
        await stage.rollbacks.start(back("1.1"), "op")
        async with stage.database.read() as connection:
            record = await orders.current(connection, "stable")
        assert record is not None
        await stage.rollbacks.ordered(record)
        seen = await stage.rollbacks.status(first.id)
        assert (seen.state, seen.done) == (RollbackState.SUPERSEDED, True)
        assert causes(seen)["FLEET-simulated-1"][0] is ReturnStanding.ELSEWHERE
        assert [one.to_version for one in (await stage.rollbacks.page(None, 10)).items] == ["1.1", "1.0"]

    play(tmp_path, scene)


def test_a_restart_of_the_controller_counts_on(tmp_path: Path) -> None:
    async def before(stage: Rehearsal) -> None:
        await two_releases(stage, 2)
        await stage.rollbacks.start(back("1.0"), "op")
        await stage.obey("FLEET-simulated-0")

    async def after(stage: Rehearsal) -> None:
        seen = await stage.rollbacks.status("last")
        assert (seen.online_acknowledged, seen.waiting) == (1, 1)
        await stage.obey("FLEET-simulated-1")
        assert (await stage.rollbacks.status("last")).state is RollbackState.COMPLETED

    play(tmp_path, before)
    play(tmp_path, after)


def test_who_said_that_it_is_back_is_waited_for_until_that_is_stored() -> None:
    record = RollbackRecord(id="r", to_version="1.0", targets={}, reason="x", created_by="op", started_at=0)
    acks = [AckRecord(rollback_id="r", device_id="FLEET-1", channel="stable", online=True)]
    between = view_of(record, acks, {"FLEET-1": Standing(ReturnStanding.BACK)})
    assert (between.done, between.waiting) == (False, 1)
    stored = view_of(record, [replace(acks[0], acknowledged_at=5)], {})
    assert (stored.done, stored.acknowledged) == (True, 1)


def test_one_that_was_ordered_through_the_broker_alone_is_followed_from_when_it_is_found(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage, 3)
        async with stage.database.read() as connection:
            now = await orders.current(connection, "stable")
            old = await releases.of_version(connection, "1.0")
        assert now is not None
        assert old is not None
        rule = Rule(kind=RuleKind.ROLLBACK, release=Digest(old.digest), attempt=1001)
        found = replace(now, rules=(rule,), issued_by="offline: ada", reason="it broke", foreign=True,
                        generation=now.generation + 1, issued_at=stage.now)  # fmt: skip
        await stage.rollbacks.adopted(replace(found, foreign=False))
        assert (await stage.rollbacks.page(None, 10)).total == 0
        await stage.rollbacks.adopted(found)
        seen = await stage.rollbacks.status("last")
        assert (seen.to_version, seen.created_by, seen.devices, seen.online) == ("1.0", "offline: ada", 3, 0)
        assert (seen.state, seen.away, seen.done) == (RollbackState.STANDING, 3, True)
        assert seen.channels[0].generation == found.generation

    play(tmp_path, scene)
