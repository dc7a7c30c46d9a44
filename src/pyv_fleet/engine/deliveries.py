"""Brings the outbox to the sinks: one at a time and in order, again until it is taken, or given up after a stated time.

What a sink took is marked after that; a controller that dies in between sends it again under the same id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from pyv_fleet.core.notifying import Notification, Timing, given_up, wait_seconds
from pyv_fleet.core.views import SinkTested, SinkView
from pyv_fleet.core.words import AlertName, DeliveryState
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.errors import NotFound
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.mirrors import Mirrors
from pyv_fleet.sinks.interface import Letter, Mirror, NotTaken, Sink
from pyv_fleet.store import notifications
from pyv_fleet.store.notifications import NotificationRecord

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
KEPT_MS: Final = 7 * 86_400_000
"""So long one that has ended can still be counted."""


class Deliveries:
    """A task for each sink, so that one that hangs holds up no other."""

    def __init__(
        self, ground: Ground, alerting: Alerting, timing: Timing, sinks: Sequence[Sink], mirrors: Mirrors
    ) -> None:
        self._ground = ground
        self._alerting = alerting
        self._timing = timing
        self._sinks = {sink.name: sink for sink in sinks}
        self._mirrors = mirrors
        self._wakes = {name: asyncio.Event() for name in self._sinks}

    def wake(self) -> None:
        """Something lies in the outbox."""
        for event in self._wakes.values():
            event.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name in self._sinks:
                group.create_task(self._serve(name), name=f"sink-{name}")
            group.create_task(self._mirrors.run(), name="mirrors")

    async def deliver(self, name: str) -> bool:
        """Try the oldest that waits for a sink, if it is due; whether it was taken or given up, so that the next may be
        tried."""
        now = self._ground.clock()
        async with self._ground.database.read() as connection:
            record = await notifications.head(connection, name)
        if record is None or record.next_at > now:
            return False
        try:
            await self._sinks[name].send(self._letter(record, now))
        except NotTaken as why:
            return await self._failed(record, why)
        except Exception:
            log.exception("sink %s failed", name)
            return await self._failed(record, NotTaken("the controller's log says why"))
        async with self._ground.database.begin() as connection:
            ended = self._ground.clock()
            sent = msgspec.structs.replace(record, state=DeliveryState.SENT, ended_at=ended, error=None)
            await notifications.save(connection, sent)
            await self._alerting.resolve(connection, AlertName.UNDELIVERED, name)
        return True

    async def every(self) -> tuple[SinkView, ...]:
        """All sinks, by name, and how it goes with them."""
        async with self._ground.database.read() as connection:
            counts = await notifications.counts(connection)
            heads = {name: await notifications.head(connection, name) for name in self._sinks}
        views = [_view(sink, counts, heads[name]) for name, sink in self._sinks.items()]
        return tuple(sorted([*views, *self._mirrors.every()], key=lambda one: one.name))

    async def test(self, name: str) -> SinkTested:
        """Send it something harmless now, beside the outbox; NotFound."""
        sink: Sink | Mirror | None = self._sinks.get(name) or self._mirrors.get(name)
        if sink is None:
            raise NotFound("no such sink", f"{name!r}; fleet.toml names them: see pyv-fleet alert sinks")
        try:
            if name in self._sinks:
                said = Notification(group="test", firing=0, resolved=0, alerts=(), test=True)
                now = self._ground.clock()
                await self._sinks[name].send(
                    Letter(id=self._ground.new_id(), fleet=self._ground.fleet, made_at=now, sent_at=now,
                           notification=said)
                )  # fmt: skip
            else:
                await self._mirrors.show(name)
        except NotTaken as why:
            return SinkTested(name=name, taken=False, detail=str(why))
        return SinkTested(name=name, taken=True, detail=f"{sink.place} took it")

    async def forget(self) -> None:
        """Those that ended long ago go."""
        async with self._ground.database.begin() as connection:
            await notifications.forget_before(connection, self._ground.clock() - KEPT_MS)

    async def _serve(self, name: str) -> None:
        wake = self._wakes[name]
        while True:
            try:
                wake.clear()
                while await self.deliver(name):
                    pass
            except Exception:
                log.exception("the outbox of sink %s cannot be read or written", name)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await wake.wait()
            except TimeoutError:
                continue

    async def _failed(self, record: NotificationRecord, why: NotTaken) -> bool:
        now, tries = self._ground.clock(), record.tries + 1
        dead = why.for_good or given_up(record.made_at, self._timing, now)
        chance = int.from_bytes(self._ground.random(2)) / 65_536
        after = msgspec.structs.replace(
            record,
            tries=tries,
            error=str(why)[:300],
            state=DeliveryState.DEAD if dead else DeliveryState.WAITING,
            ended_at=now if dead else None,
            next_at=now + int(wait_seconds(tries, chance) * 1000),
        )
        log.warning("sink %s did not take notification %s: %s", record.sink, record.id, why)
        async with self._ground.database.begin() as connection:
            await notifications.save(connection, after)
            if dead:
                detail = f"sink {record.sink}: a notification was given up after {tries} tries: {why}"
                await self._alerting.raise_alert(connection, AlertName.UNDELIVERED, detail=detail, subject=record.sink)
        return dead

    def _letter(self, record: NotificationRecord, now: int) -> Letter:
        said = msgspec.convert(record.body, Notification)
        return Letter(
            id=record.id, fleet=self._ground.fleet, made_at=record.made_at, sent_at=now, notification=said
        )  # fmt: skip


def _view(sink: Sink, counts: dict[tuple[str, DeliveryState], int], head: NotificationRecord | None) -> SinkView:
    return SinkView(
        name=sink.name,
        kind=type(sink).__name__.lower(),
        place=sink.place,
        least=sink.least,
        waiting=counts.get((sink.name, DeliveryState.WAITING), 0),
        sent=counts.get((sink.name, DeliveryState.SENT), 0),
        dead=counts.get((sink.name, DeliveryState.DEAD), 0),
        failures=0 if head is None else head.tries,
        error=None if head is None else head.error,
    )
