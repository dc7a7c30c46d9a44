"""Histories: a device's words, alerts and what people did in one line of time; a channel's orders and rollouts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pyv_fleet.core.history import DAY_MS, Kept
from pyv_fleet.core.words import Happening
from pyv_fleet.engine.errors import Invalid, NotFound
from pyv_fleet.engine.history import History
from pyvorin_edge.report import DriftState
from pyvorin_edge.vocabulary import DriftKind, Standing
from running.bench import Bench, bench, said
from running.rehearsal import rehearsal

EDITED = DriftState(
    standing=Standing.DRIFTED, kinds=(DriftKind.EDITED,), applied_hash="a", live_hash="b", paths=("/logging/level",)
)


def test_a_devices_timeline_tells_its_words_its_alerts_and_who_did_what(tmp_path: Path) -> None:
    async def scene(place: Bench) -> None:
        await place.enrol("dev-a")
        await place.heard(said("dev-a", seq=1))
        place.time.forward(5)
        await place.heard(said("dev-a", seq=2, drift=EDITED))
        page = await place.desk.history.of_device("dev-a", None, 100)
        told = [(one.what.value, one.detail) for one in page.items]
        assert told[0][0] in ("drift", "alert")
        assert ("drift", "drifted, edited: /logging/level") in told
        assert ("alert", "config_drift: edited: /logging/level") in told
        assert ("connection", "online") in told
        assert [one.by for one in page.items if one.detail.startswith("device.enrol")] != []
        assert page.next is None

    async def run() -> None:
        async with bench(tmp_path) as place:
            await scene(place)

    asyncio.run(run())


def test_beats_and_repeated_reports_add_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as place:
            await place.enrol("dev-a")
            await place.heard(said("dev-a", seq=1))
            before = await place.desk.history.of_device("dev-a", None, 100)
            await place.heard(said("dev-a", seq=2), said("dev-a", seq=3))
            assert await place.desk.history.of_device("dev-a", None, 100) == before

    asyncio.run(run())


def test_a_channels_timeline_tells_its_orders_and_each_step_of_a_rollout(tmp_path: Path) -> None:
    async def run() -> None:
        async with rehearsal(tmp_path) as stage:
            await stage.enrol(3)
            await stage.based_on("1.0")
            await stage.release("1.1")
            rollout = await stage.roll("1.1", "1", "100%")
            await stage.act(rollout, "pause")
            history = History(stage.ground, Kept())
            page = await history.of_channel("stable", None, 100)
            steps = [one.detail for one in page.items if one.what is Happening.ROLLOUT and rollout in one.detail]
            assert [step.split(": ")[0].split(" is ")[1] for step in steps] == ["paused", "rolling", "waiting"]
            assert any(one.what is Happening.DIRECTIVE and one.by == "op" for one in page.items)
            first = await history.of_channel("stable", None, 2)
            rest = await history.of_channel("stable", first.next, 100)
            assert (*first.items, *rest.items) == page.items

    asyncio.run(run())


def test_the_broom_takes_what_is_too_old(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as place:
            await place.enrol("dev-a")
            await place.heard(said("dev-a", seq=1))
            place.time.forward(40 * DAY_MS / 1000)
            history = History(place.engine._ground, Kept(whole_days=30))
            await history.thin()
            left = {one.what for one in (await history.of_device("dev-a", None, 100)).items}
            assert Happening.CONNECTION not in left
            assert Happening.AGENT in left

    asyncio.run(run())


@pytest.mark.parametrize("after", ["x", "1,history", "1,history,2,3", "x,history,2"])
def test_what_is_no_place_is_refused(tmp_path: Path, after: str) -> None:
    async def run() -> None:
        async with bench(tmp_path) as place:
            await place.enrol("dev-a")
            with pytest.raises(Invalid):
                await place.desk.history.of_device("dev-a", after, 10)
            with pytest.raises(NotFound):
                await place.desk.history.of_device("nobody", None, 10)

    asyncio.run(run())
