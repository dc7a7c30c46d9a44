"""The fleet's drift and lag in sums, read a part at a time so that reports of devices are not kept waiting."""

from __future__ import annotations

import asyncio
from typing import Final

from pyv_fleet.core.drift_report import Stand, Sums
from pyv_fleet.core.views import DriftReport
from pyv_fleet.engine.goldens import Goldens, Look
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.store import groups, status
from pyv_fleet.store.status import Filter, Known

PART: Final = 500
"""Devices that are looked at in one go."""
KEPT_SECONDS: Final = 15.0
KEPT_TIMES: Final = 20.0
"""Counting a large fleet for scrapes takes a twentieth of one processor at most."""


class DriftReports:
    """Counts devices by what stands in their last reports."""

    def __init__(self, ground: Ground, goldens: Goldens) -> None:
        self._ground = ground
        self._goldens = goldens
        self._counting = asyncio.Lock()
        self._kept: DriftReport | None = None
        self._kept_until = 0.0

    async def of(self, wanted: Filter) -> DriftReport:
        """Of the devices that match."""
        sums, after = Sums(), None
        async with self._ground.database.read() as connection:
            inside = await groups.memberships(connection)
        while True:
            async with self._ground.database.read() as connection:
                found, more, _ = await status.find_page(connection, wanted, after, PART)
                look = await self._goldens.look_at(connection, found, self._ground.clock())
            for known in found:
                sums.add(_stand(known, look, inside.get(known.device.device_id, ())))
            if not more:
                break
            after = found[-1].device.device_id
            await asyncio.sleep(0)
        rows, more_keys = sums.rows()
        return DriftReport(at=rfc3339(self._ground.clock()), counts=rows, more_keys=more_keys)

    async def recent(self) -> DriftReport:
        """Of the whole fleet, at most 15 s old, or twenty times as long as counting takes."""
        async with self._counting:
            loop = asyncio.get_running_loop()
            if self._kept is None or loop.time() >= self._kept_until:
                began = loop.time()
                self._kept = await self.of(Filter())
                took = loop.time() - began
                self._kept_until = loop.time() + max(KEPT_SECONDS, KEPT_TIMES * took)
            return self._kept


def _stand(known: Known, look: Look, inside: tuple[str, ...]) -> Stand:
    device, said = known
    target = look.target(known)
    return Stand(
        device.channel,
        inside,
        look.standing(known, target),
        look.lag(known, target),
        said.drift_kinds,
        said.drift_paths,
    )
