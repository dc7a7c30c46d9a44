"""Rollouts as devices meet them: waves, budgets, going back, holds, and what a restart leaves standing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from pyv_fleet.core.views import RolloutSpec, RolloutVerb, RolloutView
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.store import alerts, channels, rollouts, status
from pyv_fleet.store import orders as directives
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, RuleKind
from running.rehearsal import Rehearsal, rehearsal

VERB = RolloutVerb(reason="looked at it")


def play(path: Path, scene: Callable[[Rehearsal], Awaitable[None]]) -> None:
    async def run() -> None:
        async with rehearsal(path) as stage:
            await scene(stage)

    asyncio.run(run())


async def alarms(stage: Rehearsal) -> list[str]:
    async with stage.database.read() as connection:
        return [f"{one.name} {one.subject}: {one.detail}" for one in await alerts.all_open(connection)]


async def shown(stage: Rehearsal, rollout_id: str) -> RolloutView:
    return await stage.rollouts.get(rollout_id)


def test_a_good_release_goes_out_wave_by_wave_exactly_counted(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(104)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1%", "100%")
        await stage.obey()
        assert await stage.running() == {"1.0": 103, "1.1": 1}
        await stage.wait(9)
        assert (await shown(stage, rollout)).wave == 0
        await stage.wait(3)
        await stage.obey()
        assert await stage.running() == {"1.1": 104}
        await stage.wait(11)
        done = await shown(stage, rollout)
        assert (done.state, done.version, done.baseline_version) == ("completed", "1.1", "1.0")
        assert [wave.devices for wave in done.waves] == [1, 104]
        assert [wave.verdict for wave in done.waves] == ["good", "good"]
        assert done.because == "104 of 104 devices took it and were healthy for 10 s"

    play(tmp_path, scene)


def test_a_sick_release_stops_at_its_canary_goes_back_and_says_why(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(20)
        await stage.enrol(3, kind="real")
        await stage.based_on("1.0")
        await stage.release("1.2")
        stage.sick.add("1.2")
        rollout = await stage.roll("1.2", "kind=real:1", "100%")
        await stage.obey()
        seen = await shown(stage, rollout)
        assert seen.state == "reverting"
        assert (await alarms(stage))[0].startswith("rollout_stopped channel/stable: FLEET-real-")
        await stage.obey()
        await stage.wait(2)
        seen = await shown(stage, rollout)
        assert (seen.state, seen.waves[0].devices, seen.waves[0].reverted) == ("reverted", 1, 1)
        assert (seen.waves[1].state, seen.waves[1].devices) == ("pending", 0)
        assert "went back by itself: gate" in seen.because
        assert "adapter temp-01 failed" in seen.because
        assert seen.because.endswith("1 of 1 devices are back on 1.0")
        async with stage.database.read() as connection:
            tried = [one.device.device_id for one in await status.find(connection) if one.status.result_detail]
        assert len(tried) == 1
        directive = await stage.directive()
        assert directive is not None
        assert [rule.kind for rule in directive.rules] == [RuleKind.ROLLBACK]

    play(tmp_path, scene)


def test_a_release_that_devices_refuse_counts_as_failed(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(5)
        await stage.based_on("1.0")
        await stage.release("2")
        stage.refused.add("2")
        rollout = await stage.roll("2")
        await stage.obey()
        await stage.obey()
        await stage.wait(2)
        seen = await shown(stage, rollout)
        assert (seen.state, seen.waves[0].failed) == ("reverted", 1)

    play(tmp_path, scene)


def test_a_budget_broken_in_the_middle_of_a_wave_stops_it_at_once(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(10)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%")
        await stage.obey()
        await stage.wait(11)
        stage.sickening.add("1.1")
        await stage.obey("FLEET-simulated-3")
        seen = await shown(stage, rollout)
        assert (seen.state, seen.wave) == ("reverting", 1)
        assert seen.waves[1].committed < 10

    play(tmp_path, scene)


def test_no_data_pauses_and_a_person_lets_it_go_on(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%")
        await stage.wait(103)
        seen = await shown(stage, rollout)
        assert (seen.state, seen.waves[0].verdict) == ("paused", "inconclusive")
        assert await alarms(stage)
        await stage.rollouts.resume(rollout, VERB, "op")
        assert await alarms(stage) == []
        await stage.obey()
        await stage.wait(12)
        await stage.obey()
        await stage.wait(12)
        assert (await shown(stage, rollout)).state == "completed"

    play(tmp_path, scene)


def test_a_pause_keeps_who_has_it_and_takes_nobody_new(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(8)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "50%", "100%")
        directive = await stage.directive()
        assert directive is not None
        async with stage.database.read() as connection:
            first = (await rollouts.members_of(connection, rollout, 0))[0].device_id
        await stage.obey(first)
        await stage.rollouts.pause(rollout, VERB, "op")
        await stage.obey()
        assert await stage.running() == {"1.0": 7, "1.1": 1}
        with pytest.raises(Conflict, match="cannot pause"):
            await stage.rollouts.pause(rollout, VERB, "op")

    play(tmp_path, scene)


def test_an_abort_goes_back_and_one_that_stays_demands_a_named_baseline_next(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        for version in ("1.1", "1.2"):
            await stage.release(version)
        first = await stage.roll("1.1", "1", "100%")
        await stage.obey()
        await stage.rollouts.abort(first, VERB, "op")
        await stage.obey()
        await stage.wait(2)
        assert (await shown(stage, first)).state == "reverted"
        assert await stage.running() == {"1.0": 4}
        second = await stage.roll("1.1", "1", "100%")
        await stage.obey()
        await stage.rollouts.abort(second, msgspec.structs.replace(VERB, stay=True), "op")
        await stage.obey()
        assert (await shown(stage, second)).state == "aborted"
        assert await stage.running() == {"1.0": 3, "1.1": 1}
        with pytest.raises(Conflict, match="name the baseline"):
            await stage.roll("1.2", "1", "100%")
        await stage.roll("1.2", "1", "100%", baseline="1.0")

    play(tmp_path, scene)


def test_a_second_rollout_waits_for_the_first_or_takes_its_place_explicitly(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        for version in ("1.1", "1.2"):
            await stage.release(version)
        first = await stage.roll("1.1", "1", "100%")
        with pytest.raises(Conflict, match=r"under way.*pause, abort"):
            await stage.roll("1.2", "1", "100%")
        await stage.obey()
        second = await stage.roll("1.2", "1", "100%", supersede=True)
        assert (await shown(stage, first)).state == "superseded"
        assert (await shown(stage, second)).baseline_version == "1.0"
        await stage.obey()
        assert await stage.running() == {"1.0": 3, "1.2": 1}

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("waves", "why"),
    [
        (("100%",), "begin with a canary"),
        (("1%", "50%"), "last wave must be 100%"),
        (("kind=nothing", "100%"), "matches no device"),
        (("sometimes", "100%"), "wave 'sometimes'"),
    ],
)
def test_waves_that_cannot_be_are_refused_and_change_nothing(tmp_path: Path, waves: tuple[str, ...], why: str) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        before = await stage.told()
        with pytest.raises(Invalid, match=why):
            await stage.roll("1.1", *waves)
        assert await stage.told() == before
        assert (await stage.rollouts.page(None, 10)).total == 1

    play(tmp_path, scene)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(2)
        await stage.release("1.0")
        with pytest.raises(NotFound, match="no such release"):
            await stage.roll("9")
        with pytest.raises(NotFound, match="no such channel"):
            await stage.rollouts.create(RolloutSpec(channel="beta", release="1.0", reason="r"), "op")
        with pytest.raises(NotFound, match="no such rollout"):
            await stage.rollouts.get("x")
        with pytest.raises(Invalid, match="deadline"):
            await stage.roll("1.0", "100%", soak_seconds=50, deadline_seconds=50)

    play(tmp_path, scene)


def test_who_is_offline_at_the_start_is_deferred_and_meets_the_release_on_return(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(3, offline=1)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%")
        await stage.obey()
        await stage.wait(12)
        await stage.obey()
        await stage.wait(12)
        done = await shown(stage, rollout)
        assert (done.state, done.waves[1].deferred, done.waves[1].committed) == ("completed", 1, 2)
        await stage.say("FLEET-simulated-2", connectivity=Connectivity.ONLINE)
        await stage.obey()
        assert await stage.running() == {"1.1": 3}

    play(tmp_path, scene)


def test_silence_after_the_start_breaks_the_lost_budget(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(3)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%")
        await stage.obey()
        canary = (await shown(stage, rollout)).waves[0]
        assert canary.committed == 1
        for number in range(3):
            await stage.say(f"FLEET-simulated-{number}", connectivity=Connectivity.LOST)
        assert "fell silent" in (await shown(stage, rollout)).because

    play(tmp_path, scene)


def test_a_restart_in_the_middle_changes_no_order_and_the_soak_begins_anew(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await stage.enrol(4)
            await stage.based_on("1.0")
            await stage.release("1.1")
            rollout = await stage.roll("1.1", "1", "100%")
            await stage.obey()
            await stage.wait(8)
            before, now = await stage.told(), stage.now
        async with rehearsal(tmp_path) as stage:
            stage.now = now + 60_000
            await stage.rollouts.reenter()
            await stage.wait(2)
            assert await stage.told() == before
            assert (await shown(stage, rollout)).wave == 0
            await stage.wait(12)
            assert (await shown(stage, rollout)).wave == 1

    asyncio.run(scene())


def test_nothing_is_judged_while_nobody_can_be_heard(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%")
        await stage.obey()
        stage.hears = False
        await stage.wait(300)
        assert (await shown(stage, rollout)).wave == 0
        stage.hears = True
        await stage.wait(5)
        assert (await shown(stage, rollout)).wave == 0
        await stage.wait(10)
        assert (await shown(stage, rollout)).wave == 1

    play(tmp_path, scene)


def test_a_foreign_directive_stops_it_and_stays_in_force(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%")
        told = await stage.told()
        async with stage.database.read() as connection:
            current = await directives.current(connection, "stable")
        assert current is not None
        await stage.rollouts.ordered(msgspec.structs.replace(current, foreign=True))
        seen = await shown(stage, rollout)
        assert (seen.state, await stage.told()) == ("paused", told)
        assert "not ours" in seen.because

    play(tmp_path, scene)


def test_a_completed_rollout_remembers_what_was_good_before_it(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(1)
        await stage.based_on("1.0")
        old = (await stage.releases.get("1.0")).digest
        await stage.release("1.1")
        await stage.roll("1.1", "100%")
        await stage.obey()
        await stage.wait(12)
        async with stage.database.read() as connection:
            channel = await channels.get(connection, "stable")
        assert channel is not None
        assert channel.last_good == old

    play(tmp_path, scene)


def test_a_first_release_that_fails_pauses_for_a_person(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(3)
        await stage.release("1.0")
        stage.sick.add("1.0")
        rollout = await stage.roll("1.0", "100%")
        await stage.obey()
        seen = await shown(stage, rollout)
        assert seen.state == "paused"
        with pytest.raises(Conflict, match="no earlier one"):
            await stage.rollouts.abort(rollout, VERB, "op")

    play(tmp_path, scene)


def test_an_unhealthy_device_of_an_open_wave_is_seen_during_the_soak(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(3)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%")
        await stage.obey()
        async with stage.database.read() as connection:
            canary = (await rollouts.members_of(connection, rollout, 0))[0].device_id
        await stage.wait(5)
        await stage.say(canary, health_status=HealthStatus.UNHEALTHY)
        seen = await shown(stage, rollout)
        assert (seen.state, seen.waves[0].unhealthy) == ("reverting", 1)
        assert f"{canary} took the release and became unhealthy under it" in seen.because

    play(tmp_path, scene)
