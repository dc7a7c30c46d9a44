"""Rollouts as devices meet them: waves, budgets, going back, holds, and what a restart leaves standing."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from pyv_fleet.core.policy import Freeze, HoldOut
from pyv_fleet.core.views import AlertVerb, RolloutSpec, RolloutTerms, RolloutVerb, RolloutView
from pyv_fleet.core.words import AlertName, AlertState, AuthScope, RolloutAct
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, Forbidden, Invalid, NotFound
from pyv_fleet.store import alerts, channels, rollouts, status
from pyv_fleet.store import orders as directives
from pyvorin_edge.orders import Rule
from pyvorin_edge.vocabulary import Connectivity, HealthStatus, RuleKind
from running.bench import bench
from running.rehearsal import Rehearsal, rehearsal


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
        async with stage.database.read() as connection:
            canary = (await rollouts.members_of(connection, rollout, 0))[0].device_id
        await stage.obey(next(f"FLEET-simulated-{n}" for n in range(10) if not canary.endswith(str(n))))
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
        await stage.act(rollout, "resume")
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
        await stage.act(rollout, "pause")
        await stage.obey()
        assert await stage.running() == {"1.0": 7, "1.1": 1}
        before = await stage.told()
        assert (await stage.act(rollout, "pause")).state == "paused"
        assert await stage.told() == before, "a pause of what is paused is no new order"

    play(tmp_path, scene)


def test_an_abort_goes_back_and_one_that_stays_demands_a_named_baseline_next(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        for version in ("1.1", "1.2"):
            await stage.release(version)
        first = await stage.roll("1.1", "1", "100%")
        await stage.obey()
        await stage.act(first, "abort")
        await stage.obey()
        await stage.wait(2)
        assert (await shown(stage, first)).state == "reverted"
        assert await stage.running() == {"1.0": 4}
        second = await stage.roll("1.1", "1", "100%")
        await stage.obey()
        await stage.act(second, "abort", stay=True)
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
            await stage.rollouts.create(RolloutSpec(channel="beta", release="1.0", reason="r"), "op", None)
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
        rollout = await stage.roll("1.1", "id=FLEET-simulated-0", "100%")
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


def test_a_rollback_through_the_broker_alone_ends_its_channel_s_rollout_and_pauses_the_others(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%")
        async with stage.database.read() as connection:
            current = await directives.current(connection, "stable")
        assert current is not None
        back = Rule(kind=RuleKind.ROLLBACK, release=current.rules[-1].release, attempt=1001)
        ordered = msgspec.structs.replace(
            current, foreign=True, rules=(back,), issued_by="offline: ada", reason="it broke", issued_at=stage.now
        )
        await stage.rollouts.ordered(msgspec.structs.replace(ordered, channel="beta"))
        assert (await shown(stage, rollout)).state == "paused"
        await stage.rollouts.ordered(msgspec.structs.replace(ordered, issued_at=0))
        assert (await shown(stage, rollout)).state == "paused"
        await stage.rollouts.ordered(ordered)
        seen = await shown(stage, rollout)
        assert (seen.state, "offline: ada: it broke" in seen.because) == ("superseded", True)

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
            await stage.act(rollout, "abort")

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


def test_four_eyes_are_asked_for_by_the_policy_and_given_by_another(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%", approvals=1)
        seen = await shown(stage, rollout)
        assert (seen.state, seen.approvals_needed) == ("waiting", 1)
        assert any("another person must approve" in alarm for alarm in await alarms(stage))
        with pytest.raises(Conflict, match="op made this rollout"):
            await stage.act(rollout, "approve")
        assert (await stage.act(rollout, "approve", by="eve")).state == "rolling"
        await stage.obey()
        assert await stage.running() == {"1.0": 3, "1.1": 1}

    play(tmp_path, scene)


def test_a_gate_before_a_wave_waits_for_a_person(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100% approve")
        await stage.obey()
        await stage.wait(60)
        assert (await shown(stage, rollout)).state == "waiting"
        await stage.act(rollout, "approve")
        await stage.obey()
        await stage.wait(12)
        assert (await shown(stage, rollout)).state == "completed"

    play(tmp_path, scene)


def test_a_canary_that_turns_bad_while_the_next_wave_waits_is_taken_back(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100% approve")
        await stage.obey()
        await stage.wait(12)
        async with stage.database.read() as connection:
            canary = (await rollouts.members_of(connection, rollout, 0))[0].device_id
        await stage.say(canary, health_status=HealthStatus.UNHEALTHY)
        await stage.wait(3)
        assert (await shown(stage, rollout)).state == "reverting"

    play(tmp_path, scene)


def test_a_freeze_keeps_the_next_wave_from_opening_and_ends_by_itself(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%")
        begins, ends = (dt.datetime.fromtimestamp(stage.now / 1000 + after, dt.UTC) for after in (1, 60))
        await stage.freeze(Freeze(begins_at=begins, ends_at=ends, reason="holidays"))
        await stage.obey()
        await stage.wait(30)
        seen = await shown(stage, rollout)
        assert (seen.state, "holidays" in seen.because) == ("waiting", True)
        await stage.wait(40)
        assert (await shown(stage, rollout)).wave == 1

    play(tmp_path, scene)


def test_a_plan_says_what_create_does_and_create_holds_to_it(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(20)
        await stage.based_on("1.0")
        await stage.release("1.1", config=b'[logging]\nlevel = "DEBUG"\n')
        spec = RolloutSpec(channel="stable", release="1.1", waves=("10%", "100%"), soak_seconds=10, reason="r")
        plan = await stage.rollouts.plan(spec)
        assert [wave.devices for wave in plan.waves] == [2, 20]
        assert plan.diffs[0].changes == (("/logging/level", '"INFO"', '"DEBUG"'),)
        made = await stage.rollouts.create(msgspec.structs.replace(spec, plan=plan.digest), "op", None)
        async with stage.database.read() as connection:
            frozen = {one.device_id for one in await rollouts.members_of(connection, made.id, 0)}
        assert frozen == set(plan.waves[0].device_ids)

    play(tmp_path, scene)


def test_a_plan_is_stale_once_the_fleet_changed(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        spec = RolloutSpec(channel="stable", release="1.1", waves=("1", "100%"), reason="r")
        plan = await stage.rollouts.plan(spec)
        await stage.enrol(1, kind="real")
        before = await stage.told()
        with pytest.raises(Conflict, match="plan is stale"):
            await stage.rollouts.create(msgspec.structs.replace(spec, plan=plan.digest), "op", None)
        assert await stage.told() == before

    play(tmp_path, scene)


def test_failed_devices_try_again_when_a_person_says_so(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        stage.sick.add("1.1")
        rollout = await stage.roll("1.1", "1", "100%", on_bad="pause")
        await stage.obey()
        assert (await shown(stage, rollout)).state == "paused"
        stage.sick.clear()
        await stage.act(rollout, "retry")
        await stage.obey()
        await stage.wait(12)
        seen = await shown(stage, rollout)
        assert (seen.wave, seen.waves[0].verdict, seen.attempt) == (1, "good", 2)

    play(tmp_path, scene)


def test_a_skipped_device_does_not_stop_it_any_more(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "2", "100%", on_bad="pause")
        async with stage.database.read() as connection:
            first, second = [one.device_id for one in await rollouts.members_of(connection, rollout, 0)]
        stage.sick.add("1.1")
        await stage.obey(first)
        stage.sick.clear()
        with pytest.raises(Invalid, match="not judged in this wave"):
            await stage.act(rollout, "skip", device_ids=("FLEET-x",))
        await stage.act(rollout, "skip", device_ids=(first,))
        await stage.act(rollout, "resume")
        await stage.obey(second)
        await stage.wait(12)
        assert (await shown(stage, rollout)).waves[0].skipped == 1
        assert (await shown(stage, rollout)).wave == 1

    play(tmp_path, scene)


def test_a_promoted_canary_never_opens_the_whole_channel(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "1", "100%")
        with pytest.raises(Conflict, match="no smaller one soaked"):
            await stage.act(rollout, "promote")
        assert (await shown(stage, rollout)).state == "rolling"

    play(tmp_path, scene)


def test_an_emergency_is_an_admin_s_and_everybody_is_told(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        spec = RolloutSpec(channel="stable", release="1.1", waves=("100%",), emergency=True, reason="zero day")
        with pytest.raises(Forbidden):
            await stage.rollouts.create(spec, "op", AuthScope.OPERATE)
        await stage.rollouts.create(spec, "root", AuthScope.ADMIN)
        await stage.obey()
        assert await stage.running() == {"1.1": 4}
        assert any("without a canary: zero day" in alarm for alarm in await alarms(stage))
        (alert,) = [one for one in (await stage.alerting.page(None, 9)).items if one.name == AlertName.EMERGENCY]
        seen = await stage.alerting.acknowledge(alert.id, AlertVerb(reason="seen"), "eve", AuditLog(stage.ground))
        assert (seen.state, await alarms(stage)) == (AlertState.RESOLVED, [])

    play(tmp_path, scene)


def test_a_canary_without_a_soak_is_refused(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(4)
        await stage.based_on("1.0")
        await stage.release("1.1")
        with pytest.raises(Invalid, match="no wave before the last one soaks"):
            await stage.roll("1.1", "1", "100%", soak_seconds=0)

    play(tmp_path, scene)


def test_a_completed_rollout_can_be_undone(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(1)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "100%")
        with pytest.raises(Conflict, match="nothing to undo"):
            await stage.rollouts.undone_by(rollout, RolloutVerb(reason="no"))
        await stage.obey()
        await stage.wait(12)
        back = await stage.rollouts.undone_by(rollout, RolloutVerb(reason="it smells"))
        await stage.rollbacks.start(back, "op")
        await stage.obey()
        assert await stage.running() == {"1.0": 1}

    play(tmp_path, scene)


def test_held_out_devices_stay_where_they_are(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await stage.enrol(3)
        await stage.enrol(2, kind="lab")
        await stage.based_on("1.0")
        await stage.release("1.1")
        await stage.hold_out(HoldOut(where={"kind": ("lab",)}, release=(await stage.releases.get("1.0")).digest))
        await stage.roll("1.1", "1", "100%")
        await stage.obey()
        await stage.wait(12)
        await stage.obey()
        assert await stage.running() == {"1.0": 2, "1.1": 3}

    play(tmp_path, scene)


def test_a_name_finds_its_rollout_is_not_given_twice_and_is_free_when_the_rollout_has_ended(tmp_path: Path) -> None:
    async def scene() -> None:
        async with bench(tmp_path) as place:
            await place.enrol("FLEET-1")
            digest = await place.release("1.0")
            terms = RolloutTerms(channel="stable", release=digest, waves=("100%",), hold=True)
            spec = msgspec.convert({**msgspec.to_builtins(terms), "name": "one", "reason": "x"}, RolloutSpec)
            made = await place.desk.create_rollout(spec, "me", None)
            assert (await place.desk.rollout("one")).id == made.id
            assert made.terms == terms
            with pytest.raises(Conflict, match="is one already, and ready"):
                await place.desk.create_rollout(msgspec.structs.replace(spec, supersede=True), "me", None)
            with pytest.raises(Conflict, match="rollout abort"):
                await place.desk.forget_rollout("one", RolloutVerb(reason="x"), "me")
            await place.desk.act_on_rollout("one", RolloutAct.ABORT, RolloutVerb(reason="x", stay=True), "me")
            assert (await place.desk.forget_rollout("one", RolloutVerb(reason="x"), "me")).name is None
            assert (await place.desk.create_rollout(spec, "me", None)).id != made.id

    asyncio.run(scene())
