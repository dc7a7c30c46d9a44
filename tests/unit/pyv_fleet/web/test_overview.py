"""One look at the fleet serves all who ask while it is under way; nobody is shown an older one."""

from __future__ import annotations

import asyncio
from typing import Any

from pyv_fleet.core.views import SnapshotView
from pyv_fleet.web.filter import parse_filter
from pyv_fleet.web.overview import Gathering, devices_of
from running.faces import StandInDesk, device


def looks(desk: StandInDesk) -> int:
    return sum(one[0] == "attention" for one in desk.asked)


class Slow(StandInDesk):
    """A store that takes its time."""

    async def snapshot(self) -> SnapshotView:
        for _ in range(5):
            await asyncio.sleep(0)
        return await super().snapshot()


def test_many_viewers_at_once_cost_two_looks_at_most() -> None:
    desk: Any = Slow()

    async def all_at_once() -> None:
        gathering = Gathering(desk)
        await asyncio.gather(*(gathering.overview() for _ in range(50)))

    asyncio.run(all_at_once())
    assert 1 <= looks(desk) <= 2


def test_a_change_before_the_question_is_in_the_answer() -> None:
    desk: Any = StandInDesk()

    async def before_and_after() -> tuple[int, int]:
        gathering = Gathering(desk)
        before = (await gathering.overview()).snapshot.total_devices
        desk.fleet_devices.append(device("FLEET-9"))
        return before, (await gathering.overview()).snapshot.total_devices

    assert asyncio.run(before_and_after()) == (2, 3)


def test_one_device_is_found_by_its_id_and_an_unknown_one_is_none() -> None:
    desk: Any = StandInDesk()
    assert asyncio.run(devices_of(desk, parse_filter("FLEET-1"), None)).total == 1
    assert asyncio.run(devices_of(desk, parse_filter("FLEET-7"), None)).total == 0
