"""The devices by which a wave is judged: now while it is open, as they were judged afterwards, and never invented."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pyv_fleet.core.views import MemberView
from pyv_fleet.core.words import MemberStanding
from pyv_fleet.engine.errors import Conflict, NotFound
from pyv_fleet.engine.rollout_members import page_of
from running.rehearsal import Rehearsal, rehearsal


async def told(stage: Rehearsal, rollout: str, wave: int | None = None) -> list[MemberStanding]:
    found = await stage.rollouts.members(rollout, wave, None, None, 100)
    return [one.standing for one in found.items]


def test_each_member_is_told_by_its_own_word_while_the_wave_is_open_and_after_it(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await stage.enrol(4)
            await stage.based_on("1.0")
            await stage.release("2")
            stage.refused.add("2")
            rollout = await stage.roll("2", "1", "100%")
            assert await told(stage, rollout) == [MemberStanding.APPLYING]
            await stage.obey()
            await stage.obey()
            await stage.wait(2)
            assert await told(stage, rollout, 1) == [MemberStanding.FAILED]
            with pytest.raises(NotFound):
                await told(stage, rollout, 2)

    asyncio.run(scene())


def test_of_one_that_ended_unjudged_nothing_is_made_up(tmp_path: Path) -> None:
    async def scene() -> None:
        async with rehearsal(tmp_path) as stage:
            await stage.enrol(2)
            await stage.based_on("1.0")
            await stage.release("1.1")
            rollout = await stage.roll("1.1", "1", "100%")
            await stage.act(rollout, "abort", stay=True)
            with pytest.raises(Conflict):
                await told(stage, rollout)

    asyncio.run(scene())


def test_a_page_goes_on_where_the_one_before_ended() -> None:
    every = [MemberView(device_id=f"d{n}", standing=MemberStanding.LOST, said="") for n in range(5)]
    first = page_of(every, MemberStanding.LOST, None, 3)
    rest = page_of(every, MemberStanding.LOST, first.next, 3)
    assert [one.device_id for one in (*first.items, *rest.items)] == [one.device_id for one in every]
    assert (rest.next, rest.total, page_of(every, MemberStanding.FAILED, None, 3).total) == (None, 5, 0)
