"""Shows Alertmanagers all alerts that hold, again and again, and those that ended since they were last shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pyv_fleet.core.notifying import Timing, ToldAlert, grave_enough, wait_seconds
from pyv_fleet.core.silences import Silence
from pyv_fleet.core.views import SinkView
from pyv_fleet.core.words import AlertName, AlertState
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.notifier import told
from pyv_fleet.engine.silences import silences_in_force
from pyv_fleet.sinks.interface import Mirror, NotTaken
from pyv_fleet.store import alerts
from pyv_fleet.store.alerts import AlertRecord

log = logging.getLogger(__name__)

OVERLAP_MS: Final = 300_000
FIRST_MS: Final = 3_600_000
"""After a start: what ended within the last hour is shown as ended."""


@dataclass
class _Standing:
    """How it goes with one of them."""

    mirror: Mirror
    #: Unix ms
    taken_at: int | None = None
    failing_since: int | None = None
    failures: int = 0
    error: str | None = None


class Mirrors:
    """What is shown is the store's own state, so nothing needs to be kept for them."""

    def __init__(self, ground: Ground, alerting: Alerting, timing: Timing, mirrors: Sequence[Mirror]) -> None:
        self._ground = ground
        self._alerting = alerting
        self._timing = timing
        self._known = {one.name: _Standing(one) for one in mirrors}

    def get(self, name: str) -> Mirror | None:
        """One by name."""
        found = self._known.get(name)
        return None if found is None else found.mirror

    def every(self) -> list[SinkView]:
        """All of them."""
        return [
            SinkView(name=name, kind=type(one.mirror).__name__.lower(), place=one.mirror.place, least=one.mirror.least,
                     failures=one.failures, error=one.error)
            for name, one in self._known.items()
        ]  # fmt: skip

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self._known:
                group.create_task(self._serve(name), name=f"mirror-{name}")

    async def show(self, name: str) -> None:
        """Show it all now; NotTaken."""
        one, now = self._known[name], self._ground.clock()
        await one.mirror.show(self._ground.fleet, await self._to_show(one, now), now)
        one.taken_at, one.failing_since, one.failures, one.error = now, None, 0, None
        async with self._ground.database.begin() as connection:
            await self._alerting.resolve(connection, AlertName.UNDELIVERED, name)

    async def _serve(self, name: str) -> None:
        one = self._known[name]
        while True:
            try:
                await self.show(name)
            except NotTaken as why:
                await self._failed(one, str(why))
            except Exception:
                log.exception("sink %s failed", name)
                await self._failed(one, "the controller's log says why")
            chance = int.from_bytes(self._ground.random(2)) / 65_536
            wait = float(one.mirror.every_seconds)
            await asyncio.sleep(min(wait, wait_seconds(one.failures, chance)) if one.failures else wait)

    async def _failed(self, one: _Standing, why: str) -> None:
        now = self._ground.clock()
        one.failures, one.error = one.failures + 1, why[:300]
        one.failing_since = one.failing_since or now
        log.warning("sink %s was not shown the alerts: %s", one.mirror.name, why)
        if now - one.failing_since >= self._timing.give_up_seconds * 1000:
            detail = f"sink {one.mirror.name}: it could not be shown any alerts for {one.failures} tries: {why}"
            async with self._ground.database.begin() as connection:
                await self._alerting.raise_alert(
                    connection, AlertName.UNDELIVERED, detail=detail, subject=one.mirror.name
                )

    async def _to_show(self, one: _Standing, now: int) -> list[ToldAlert]:
        since = now - FIRST_MS if one.taken_at is None else one.taken_at - OVERLAP_MS
        async with self._ground.database.read() as connection:
            silences = await silences_in_force(connection, now)
            held = await alerts.all_open(connection)
            over = await alerts.resolved_since(connection, since)
        held = [record for record in held if not _muted(record, silences, now)]
        every = [told(record) for record in (*over, *held)]
        return [alert for alert in every if grave_enough(alert.severity, one.mirror.least)]


def _muted(record: AlertRecord, silences: Sequence[Silence], now: int) -> bool:
    """By a silence that was there before it: to take away what is shown already would say that it is over."""
    if record.state is AlertState.RESOLVED:
        return False
    return any(
        one.begins_at <= record.raised_at and one.mutes(record.name, record.device_id, record.labels, now)
        for one in silences
    )
