"""One order takes the fleet back, and who acknowledged how fast is counted by the devices' own words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pyv_fleet.core.views import RollbackSpec, RolloutVerb
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyvorin_edge.vocabulary import Connectivity, RuleKind
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
        assert len(begun.missing) == 4
        for number, seconds in enumerate((1, 2, 4, 8)):
            stage.now += seconds * 1000
            await stage.obey(f"FLEET-simulated-{number}")
        ended = await stage.rollbacks.status(begun.id)
        assert (ended.online, ended.acknowledged, ended.missing, ended.done) == (4, 4, (), True)
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
        assert (after.acknowledged, after.last_seconds) == (3, before.last_seconds)

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
        await stage.rollouts.abort(rollout.id, RolloutVerb(reason="r", stay=True), "op")
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


def test_a_trial_or_a_wrong_count_changes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Rehearsal) -> None:
        await two_releases(stage)
        before = await stage.told()
        tried = await stage.rollbacks.start(back("1.0", dry_run=True), "op")
        assert (tried.devices, tried.channels, tried.to_version) == (5, ("stable",), "1.0")
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
