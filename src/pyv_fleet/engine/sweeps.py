"""What time alone brings about: lost devices, ends of trust, refreshed directives, a fresh CRL."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from pyv_fleet.core.hearing import is_lost
from pyv_fleet.core.words import AlertName
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.answers import KEPT_MS
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.intake import Intake
from pyv_fleet.engine.orders import DAY_MS, REFRESH_AFTER_MS, Orders
from pyv_fleet.engine.paces import Paces
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import channels, devices, idempotency, status
from pyv_fleet.store import orders as directives
from pyv_fleet.store.records import chunks
from pyv_fleet.store.status import StatusRecord
from pyvorin_edge.cadence import lost_after_seconds
from pyvorin_edge.envelope import open_envelope
from pyvorin_edge.orders import Pace
from pyvorin_edge.trust import Trust, holds
from pyvorin_edge.vocabulary import Role

log = logging.getLogger(__name__)

LAGGING_BACKLOG: Final = 1000
TRUST_WARNINGS_DAYS: Final = (60, 30, 7)
LOOKS_AT_ONCE: Final = 100


@dataclass(frozen=True)
class Sweep:
    """One duty and how often it comes; the first time after `seconds`, or at once."""

    name: str
    seconds: float
    perform: Callable[[], Awaitable[None]]
    at_once: bool = False


class _Epoch(msgspec.Struct):
    epoch: int


class Sweeps:
    """The duties; `run` performs them until cancelled, each at its own pace, none stopping the others."""

    def __init__(self, ground: Ground, trust: TrustChain, orders: Orders, alerting: Alerting) -> None:
        self._ground = ground
        self._trust = trust
        self._orders = orders
        self._alerting = alerting

    async def lost(self, intake: Intake, paces: Paces, listening_since: Callable[[], int | None]) -> None:
        """Mark who fell silent (PROTOCOL 6); not while we hear nobody, nor while our own ingest lags."""
        since = listening_since()
        if since is None or intake.backlog > LAGGING_BACKLOG:
            return
        now = self._ground.clock()
        for channel in paces.channels():
            before = now - paces.lost_after_ms(channel)
            if since > before:
                continue  # nobody was listened to for long enough
            async with self._ground.database.read() as connection:
                silent = await status.silent_since(connection, before, channel)
            lost = [one.device_id for one in silent if one.generation or _lost_by_default(one, since, now)]
            if lost:
                await intake.fell_silent(lost)

    async def refresh(self) -> None:
        """Directives are valid for 30 days and refreshed after 10 (rule 8); a new epoch needs new ones at once."""
        if self._orders.held:
            return
        before = self._ground.clock() - REFRESH_AFTER_MS
        async with self._ground.database.begin() as connection:
            for record in await channels.every(connection):
                current = await directives.current(connection, record.name)
                if current is None or (current.issued_at > before and self._holds(current.envelope)):
                    continue
                if await self._orders.behind(connection, record.name) is None:  # else a person must say what they run
                    await self._orders.reissue(connection, record.name, reason="refresh", actor="controller")
        await self._orders.publish_pending()

    async def renew(self, trust: Trust) -> None:
        """After a new trust document: orders of an earlier epoch, or by a key that lost its role, are made anew."""
        if self._orders.held:
            return  # done when it has caught up
        await self.refresh()
        async with self._ground.database.read() as connection:
            everyone = await devices.every(connection)
        stale = []
        for number, one in enumerate(everyone):
            if one.epoch < trust.epoch or not self._holds(one.assignment):
                stale.append(one.device_id)
            if number % LOOKS_AT_ONCE == 0:
                await asyncio.sleep(0)  # a signature each: others have their turn
        for few in chunks(stale):
            async with self._ground.database.begin() as connection:
                for device in (await devices.get_many(connection, few)).values():
                    await self._orders.issue_assignment(connection, device, actor="controller")
        await self._orders.publish_pending()

    async def trust(self) -> None:
        """Warn 60, 30 and 7 days before the trust document ends: then devices refuse all new orders."""
        ends = self._trust.current.expires_at
        if ends is None:
            return
        left = (ends - self._ground.clock()) // DAY_MS
        step = next((days for days in reversed(TRUST_WARNINGS_DAYS) if left < days), None)
        async with self._ground.database.begin() as connection:
            if step is None:
                await self._alerting.resolve(connection, AlertName.TRUST_EXPIRING, "")
                return
            detail = f"trust document {self._trust.current.version} ends in less than {step} days"
            await self._alerting.raise_alert(connection, AlertName.TRUST_EXPIRING, detail=detail)

    def _holds(self, envelope: bytes) -> bool:
        """Whether devices that have the newest trust document obey an order of ours still."""
        opened = open_envelope(envelope)
        epoch = msgspec.json.decode(opened.payload, type=_Epoch).epoch
        return epoch == self._trust.current.epoch and holds(self._trust.current, Role.DIRECTIVE, opened)

    async def forget(self) -> None:
        """Answers kept for repeated questions go after a day."""
        async with self._ground.database.begin() as connection:
            await idempotency.forget_before(connection, self._ground.clock() - KEPT_MS)


def _lost_by_default(said: StatusRecord, since: int, now_ms: int) -> bool:
    """Before its first directive a device does not know its channel's pace and keeps the default one."""
    return is_lost(said.last_seen, since, now_ms, lost_after_seconds(Pace()))


async def run(sweeps: list[Sweep]) -> None:
    """All of them until cancelled."""
    async with asyncio.TaskGroup() as group:
        for sweep in sweeps:
            group.create_task(_repeat(sweep), name=f"sweep-{sweep.name}")


async def _repeat(sweep: Sweep) -> None:
    if not sweep.at_once:
        await asyncio.sleep(sweep.seconds)
    while True:
        try:
            await sweep.perform()
        except Exception:
            log.exception("sweep %s failed", sweep.name)
        await asyncio.sleep(sweep.seconds)
