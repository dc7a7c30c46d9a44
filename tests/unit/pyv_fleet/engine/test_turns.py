"""Turns handed out by the real engine parts: how many of a site are ever at it, and what a herd does not hold up."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from pyv_fleet.core.policy import Herd
from pyv_fleet.core.views import RolloutSpec
from pyv_fleet.core.words import RolloutState
from pyv_fleet.store import status
from pyvorin_edge.vocabulary import Connectivity, Phase, WaitingFor
from running.rehearsal import Rehearsal, rehearsal

ONE_A_SITE = Herd(at_once=1, label="site", silent_seconds=60)


async def two_sites(stage: Rehearsal, herd: Herd = ONE_A_SITE) -> None:
    """Three devices in Berlin, one in Rome, one without a site; all on 1.0, and 1.1 is there."""
    await stage.enrol(3, kind="berlin", site="berlin")
    await stage.enrol(1, kind="rome", site="rome")
    await stage.enrol(1, kind="nowhere")
    await stage.release("1.0")
    await stage.release("1.1")
    await stage.roll("1.0", "100%", soak_seconds=0)
    await stage.obey()
    await stage.herd(herd)
    stage.slow = True


async def at_it(stage: Rehearsal) -> Counter[str]:
    """By site, who is at work or may begin."""
    async with stage.database.read() as connection:
        everyone = await status.find(connection)
    return Counter(
        device.labels.get("site", "")
        for device, said in everyone
        if said.phase is Phase.PROVING or (said.phase is Phase.WAITING and device.grant is not None)
    )


async def go_on(stage: Rehearsal) -> Counter[str]:
    """Turns are given, devices obey; who is at it then."""
    stage.now += 1000
    await stage.turns.tick()
    most = await at_it(stage)
    await stage.obey()
    return most | await at_it(stage)


def test_at_most_k_of_a_site_are_ever_at_it_and_all_take_it_at_last(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await two_sites(stage)
            spec = RolloutSpec(channel="stable", release="1.1", waves=("1", "100%"), reason="r")
            plan = await stage.rollouts.plan(spec)
            (said,) = [check.detail for check in plan.checks if check.name == "herd"]
            assert said.startswith("1 at once per site: 3 groups, the largest of 3 devices, "), said
            rollout = await stage.roll("1.1", "1", "100%", soak_seconds=1)
            most: Counter[str] = Counter()
            for _ in range(18):
                most |= await go_on(stage)
            assert most == {"berlin": 1, "rome": 1, "": 1}
            assert await stage.running() == {"1.1": 5}
            assert (await stage.rollouts.get(rollout)).state is RolloutState.COMPLETED

    asyncio.run(scene())


def test_a_wave_says_how_many_wait_for_their_turn_and_none_of_them_is_late(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await two_sites(stage, Herd(at_once=2))
            rollout = await stage.roll("1.1", "1", "100%", soak_seconds=1, deadline_seconds=20)
            for _ in range(6):
                await go_on(stage)
            wave = (await stage.rollouts.get(rollout)).waves[1]
            assert wave.because.endswith("2 wait for their turn (2 at once)"), wave.because
            assert (wave.waiting, wave.for_turn) == (2, 2)
            for _ in range(7):
                stage.now += 8_000
                await go_on(stage)
            assert (await stage.rollouts.get(rollout)).state is RolloutState.COMPLETED

    asyncio.run(scene())


def test_a_turn_survives_the_controller_and_is_given_to_nobody_else_meanwhile(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await two_sites(stage)
            await stage.roll("1.1", "100%", emergency=True)
            await stage.obey()
            await stage.turns.tick()
            before = await at_it(stage)
            await stage.open()
            await stage.turns.tick()
            assert await at_it(stage) == before == {"berlin": 1, "rome": 1, "": 1}

    asyncio.run(scene())


def test_a_dead_device_keeps_its_site_waiting_for_so_long_and_no_longer(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await two_sites(stage)
            await stage.roll("1.1", "100%", emergency=True, soak_seconds=1)
            await go_on(stage)
            await go_on(stage)
            dead = await _who(stage, Phase.PROVING, "berlin")
            await stage.say(dead, connectivity=Connectivity.OFFLINE)
            stage.now += 55_000
            await go_on(stage)
            assert await _who(stage, Phase.PROVING, "berlin") == dead
            stage.now += 10_000
            for _ in range(3):
                await go_on(stage)
            assert await _who(stage, Phase.PROVING, "berlin", but=dead)

    asyncio.run(scene())


def test_a_rollback_waits_for_no_turn_and_what_began_is_counted(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await two_sites(stage)
            rollout = await stage.roll("1.1", "100%", emergency=True)
            for _ in range(4):
                await go_on(stage)
            await stage.act(rollout, "abort", stay=False)
            stage.slow = False
            await stage.obey()
            assert await stage.running() == {"1.0": 5}
            for _ in range(3):
                await go_on(stage)
            assert not await _held(stage)

    asyncio.run(scene())


def test_who_was_given_a_turn_before_a_pause_waits_for_another_one_after_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await two_sites(stage)
            rollout = await stage.roll("1.1", "100%", emergency=True)
            await stage.obey()
            await stage.turns.tick()
            await stage.act(rollout, "pause")
            for _ in range(3):
                await go_on(stage)
            assert not await _held(stage)
            await stage.act(rollout, "resume")
            await stage.obey()
            async with stage.database.read() as connection:
                waits = {one.status.waiting_for for one in await status.find(connection)}
            assert waits == {WaitingFor.TURN}

    asyncio.run(scene())


def test_one_that_cannot_use_its_turn_lets_the_next_go_once_it_has_heard_so(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await two_sites(stage)
            await stage.roll("1.1", "100%", emergency=True)
            await stage.obey()
            await stage.turns.tick()
            (first,) = [one for one in await _held(stage) if "berlin" in one]
            stage.silent.add(first)
            await _hears(stage, first, waiting_for=WaitingFor.WINDOW)
            await stage.turns.tick()
            assert [one for one in await _held(stage) if "berlin" in one] == [first]
            await _hears(stage, first, waiting_for=WaitingFor.WINDOW)
            await go_on(stage)
            (second,) = [one for one in await _held(stage) if "berlin" in one]
            assert second != first

    asyncio.run(scene())


def test_who_comes_back_after_the_rollout_still_waits_for_its_turn(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await two_sites(stage)
            await stage.say("FLEET-rome-0", connectivity=Connectivity.OFFLINE)
            await stage.roll("1.1", "100%", emergency=True, soak_seconds=0)
            for _ in range(8):
                await go_on(stage)
            assert await stage.running() == {"1.0": 1, "1.1": 4}
            await stage.say("FLEET-rome-0", connectivity=Connectivity.ONLINE)
            await stage.obey()
            assert await stage.running() == {"1.0": 1, "1.1": 4}
            for _ in range(3):
                await go_on(stage)
            assert await stage.running() == {"1.1": 5}

    asyncio.run(scene())


async def _who(stage: Rehearsal, phase: Phase, site: str, but: str = "") -> str:
    async with stage.database.read() as connection:
        found = [
            one.device.device_id
            for one in await status.find(connection)
            if one.status.phase is phase and one.device.labels.get("site") == site and one.device.device_id != but
        ]
    assert len(found) == 1, found
    return found[0]


async def _held(stage: Rehearsal) -> list[str]:
    async with stage.database.read() as connection:
        return [one.device.device_id for one in await status.find(connection) if one.device.holds_turn]


async def _hears(stage: Rehearsal, device_id: str, **said: object) -> None:
    """It has its newest assignment, and says so."""
    async with stage.database.read() as connection:
        known = await status.get(connection, device_id)
    assert known is not None
    await stage.say(device_id, number=known.device.number, **said)
