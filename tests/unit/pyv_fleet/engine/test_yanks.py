"""A release that was withdrawn begins nowhere, stops where it rolls, and can be allowed again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pyv_fleet.core.views import YankBody
from pyv_fleet.core.words import RolloutState
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, NotFound
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.engine.yanks import Yanks
from running.rehearsal import Rehearsal, rehearsal

YANK, UNDO = YankBody(reason="it lies"), YankBody(reason="it was right", undo=True)


def play(path: Path, scene: Callable[[Rehearsal, Yanks], Awaitable[None]]) -> None:
    async def run() -> None:
        async with rehearsal(path) as stage:
            trust = await TrustChain.load(stage.ground)
            await scene(stage, Yanks(stage.ground, trust, AuditLog(stage.ground), stage.rollouts))

    asyncio.run(run())


def test_a_running_rollout_pauses_and_nobody_else_takes_it(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, yanks: Yanks) -> None:
        await stage.enrol(10)
        await stage.based_on("1.0")
        await stage.release("1.1")
        rollout = await stage.roll("1.1", "2", "100%")
        await stage.obey()
        done = await yanks.yank("1.1", YANK, "ada")
        await stage.wait(30)
        await stage.obey()
        assert done.paused == (rollout,)
        assert (await stage.rollouts.get(rollout)).state is RolloutState.PAUSED
        assert await stage.running() == {"1.0": 8, "1.1": 2}
        assert done.running == 2

    play(tmp_path, scene)


def test_no_rollout_begins_with_it_until_it_is_allowed_again(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, yanks: Yanks) -> None:
        await stage.enrol(2)
        await stage.based_on("1.0")
        await stage.release("1.1")
        await yanks.yank("1.1", YANK, "ada")
        with pytest.raises(Conflict, match="withdrawn by ada: it lies"):
            await stage.roll("1.1", "1", "100%")
        await yanks.yank("1.1", UNDO, "ada")
        assert (await stage.releases.get("1.1")).yanked is None
        await stage.roll("1.1", "1", "100%")

    play(tmp_path, scene)


def test_devices_that_run_it_are_left_and_their_channels_are_named(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, yanks: Yanks) -> None:
        await stage.enrol(3)
        await stage.based_on("1.0")
        before = await stage.told()
        done = await yanks.yank("1.0", YANK, "ada")
        assert (done.golden_of, done.running, done.paused) == (("stable",), 3, ())
        assert await stage.told() == before

    play(tmp_path, scene)


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, yanks: Yanks) -> None:
        await stage.release("1.0")
        first = await yanks.yank("1.0", YANK, "ada")
        stage.now += 5000
        again = await yanks.yank("1.0", YankBody(reason="another reason"), "bob")
        assert again.release.yanked == first.release.yanked
        acts = [line.act for line in (await AuditLog(stage.ground).page(None, 100)).items]
        assert acts.count("release.yank") == 1

    play(tmp_path, scene)


def test_what_is_not_there_cannot_be_withdrawn(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal, yanks: Yanks) -> None:
        with pytest.raises(NotFound):
            await yanks.yank("9", YANK, "ada")

    play(tmp_path, scene)
