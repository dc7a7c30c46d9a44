"""Makes notifications of alerts: grouped, muted ones left out, written into the outbox before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.notifying import Group, Timing, ToldAlert, due_ms, group_key, notification
from pyv_fleet.core.silences import Silence, muting
from pyv_fleet.core.words import AlertState, DeliveryState
from pyv_fleet.engine.ground import Ground, rfc3339, rfc3339_or_none
from pyv_fleet.engine.silences import silences_in_force
from pyv_fleet.sinks.interface import Sink
from pyv_fleet.store import alerts, notifications
from pyv_fleet.store.alerts import AlertRecord
from pyv_fleet.store.notifications import NotificationRecord


class Notifier:
    """One look tells what is due; an alert is told as firing once, and as resolved if it was told as firing."""

    def __init__(self, ground: Ground, timing: Timing, sinks: Sequence[Sink], wake: Callable[[], None]) -> None:
        self._ground = ground
        self._timing = timing
        self._sinks = sinks
        self._wake = wake

    async def tick(self) -> None:
        """Write what is due into the outbox. Without sinks nothing is told, nor ever taken for told."""
        if not self._sinks:
            return
        now = self._ground.clock()
        async with self._ground.database.read() as connection:
            untold = await alerts.untold(connection)
            groups = await notifications.groups(connection)
        if not untold and not any(now >= due_ms(one, self._timing, news=False) for one in groups.values()):
            return
        async with self._ground.database.begin() as connection:
            made = await self._tell(connection, now)
        if made:
            self._wake()

    async def _tell(self, connection: AsyncConnection, now: int) -> bool:
        silences = await silences_in_force(connection, now)
        groups = await notifications.groups(connection)
        news = self._by_group(one for one in await alerts.untold(connection) if not _muted(one, silences, now))
        held = self._by_group(await alerts.all_open(connection))
        made = False
        for key in {*groups, *news}:
            group = groups.get(key)
            if group is None:
                group = Group(key=key, opened_at=now)
                await notifications.save_group(connection, group)
            if now < due_ms(group, self._timing, news=bool(news.get(key))):
                continue
            known = [one for one in held.get(key, ()) if one.told is not None and not _muted(one, silences, now)]
            made |= await self._write(connection, key, news.get(key, []), known, now)
            await notifications.save_group(connection, msgspec.structs.replace(group, told_at=now))
        over = [key for key in groups if not held.get(key) and not news.get(key)]
        await notifications.close_groups(connection, over)
        return made

    async def _write(
        self, connection: AsyncConnection, key: str, news: list[AlertRecord], known: list[AlertRecord], now: int
    ) -> bool:
        made = False
        new, old = [told(one) for one in news], [told(one) for one in known]
        for sink in self._sinks:
            said = notification(key, new, old, least=sink.least)
            if said is not None:
                body = msgspec.to_builtins(said)
                record = NotificationRecord(
                    id=self._ground.new_id(), sink=sink.name, body=body, state=DeliveryState.WAITING, made_at=now
                )
                await notifications.put(connection, record)
                made = True
        for state in AlertState:
            await alerts.mark_told(connection, [one.id for one in news if one.state is state], state)
        return made

    def _by_group(self, records: Iterable[AlertRecord]) -> dict[str, list[AlertRecord]]:
        found: dict[str, list[AlertRecord]] = {}
        for one in records:
            found.setdefault(group_key(one.name, one.labels, self._timing.group_by), []).append(one)
        return found


def told(record: AlertRecord) -> ToldAlert:
    """An alert as it is told."""
    return ToldAlert(
        id=record.id,
        name=record.name,
        state=record.state,
        severity=record.severity,
        detail=record.detail,
        raised_at=rfc3339(record.raised_at),
        subject=record.subject,
        device_id=record.device_id,
        labels=record.labels,
        code=record.code,
        verified=record.verified,
        resolved_at=rfc3339_or_none(record.resolved_at),
        acknowledged_by=record.acknowledged_by,
    )


def _muted(record: AlertRecord, silences: Sequence[Silence], now: int) -> bool:
    """That something is over is always told to those who were told that it began."""
    if record.state is AlertState.RESOLVED:
        return False
    return muting(silences, record.name, record.device_id, record.labels, now) is not None
