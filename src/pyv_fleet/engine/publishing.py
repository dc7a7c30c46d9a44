"""Carries committed orders out, and keeps what the broker retains equal to the store (PROTOCOL 3, 5)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from itertools import islice
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.engine.bell import channel_name
from pyv_fleet.engine.foreign import Foreign
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.interface import DirectiveObserver
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.link.interface import NoLink, Publisher
from pyv_fleet.store import channels, devices, releases
from pyv_fleet.store import orders as directives
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.orders import DirectiveRecord
from pyvorin_edge import topics

log = logging.getLogger(__name__)

AT_ONCE: Final = 200
KEPT_RELEASES: Final = 5
RETRY_SECONDS: Final = 1.0


class Publishing:
    """Level-triggered from the store: after every commit and every connect, what is not out yet goes out."""

    def __init__(self, ground: Ground, trust: TrustChain, foreign: Foreign) -> None:
        self._ground = ground
        self._trust = trust
        self._foreign = foreign
        self._publisher: Publisher = NoLink()
        self._orders_turn = asyncio.Lock()
        self._assignments_turn = asyncio.Lock()
        #: digests of releases that the broker confirmed, and that it confirmed to have cleared, on this connection
        self._confirmed: set[str] = set()
        self._cleared: set[str] = set()
        self._heard: list[tuple[str, bytes]] = []
        self._wake = asyncio.Event()
        self._anew = False
        #: what must be done on the first connection before anything is published; none once it is done
        self._prepare: Callable[[], Awaitable[None]] | None = None
        #: told of each directive that the broker confirmed, and of foreign ones that were adopted
        self.observers: list[DirectiveObserver] = []

    def publish_through(self, publisher: Publisher) -> None:
        """The way out, once there is one."""
        self._publisher = publisher

    def prepare_with(self, prepare: Callable[[], Awaitable[None]]) -> None:
        """Publish nothing before this was done, on the first connection (catching_up.py)."""
        self._prepare = prepare

    def connected(self) -> None:
        """Everything goes out again: a broker that was killed forgets what it confirmed [M]."""
        self._confirmed.clear()
        self._cleared.clear()
        self._anew = True
        self._wake.set()

    def heard(self, channel: str, payload: bytes) -> None:
        """What the broker holds, or just got, on a channel's topic: an echo of ours, or foreign."""
        if payload:
            self._heard.append((channel, payload))
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled: adopt what is higher, publish what differs."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self.turn()
            except Exception:
                log.exception("publishing failed; trying again")
                self._anew = True
                await asyncio.sleep(RETRY_SECONDS)
                self._wake.set()

    async def turn(self) -> None:
        """What is to be done now, in order; what was heard before the first connection stood is kept until then."""
        if self._prepare is not None:
            if not self._anew:
                return
            await self._prepare()
            self._prepare = None
        await self.adopt()
        if self._anew:
            self._anew = False
            await self._everything()

    async def pending(self) -> None:
        """What is committed and not confirmed yet: releases first, then directives, then assignments."""
        if not self._publisher.connected or self._prepare is not None:
            return
        async with self._orders_turn:
            await self._publish_releases()
            async with self._ground.database.read() as connection:
                current = await directives.current_all(connection)
            for record in current.values():
                if record.published_at is None:
                    await self._publish_directive(record)
            await self._clear_releases()
        await self._publish_assignments()

    async def trust_changed(self) -> None:
        """The newest trust document goes out at once."""
        version = self._trust.current.version
        if version:
            await self._publisher.publish(topics.trust(version), self._trust.current.document, retain=True)

    async def adopt(self) -> None:
        """What was heard on the channels' topics since: adopted, answered with ours, or nothing."""
        heard, self._heard = self._heard, []
        for channel, payload in heard:
            found = await self._foreign.judge(channel, payload)
            if found.adopted is not None:
                self._ground.ordered.note(channel_name(channel))
                self._ground.ordered.ring()
                for observer in self.observers:
                    await observer(found.adopted)
            elif found.ours_again:
                async with self._orders_turn, self._ground.database.read() as connection:
                    record = await directives.current(connection, channel)
                if record is not None:
                    await self._publish_directive(record)

    async def _everything(self) -> None:
        await self._publish_trust()
        async with self._orders_turn:
            await self._publish_releases()
            async with self._ground.database.read() as connection:
                current = await directives.current_all(connection)
            for record in current.values():
                await self._publish_directive(record)
            await self._clear_releases()
        async with self._ground.database.read() as connection:
            everyone = await devices.every(connection)
        await self._publish_all_assignments(everyone)
        log.info("published %d directives and %d assignments", len(current), len(everyone))

    async def _publish_trust(self) -> None:
        for version, document in enumerate(await self._trust.documents(), start=1):
            await self._publisher.publish(topics.trust(version), document, retain=True)

    async def _publish_directive(self, record: DirectiveRecord) -> None:
        if not await self._publisher.publish(topics.channel(record.channel), record.envelope, retain=True):
            return
        if record.published_at is not None:
            return  # again, to a broker that may have forgotten it: nothing new to tell
        async with self._ground.database.begin() as connection:
            await directives.mark_published(connection, record, self._ground.clock())
        self._ground.changes.ring("channels")
        for observer in self.observers:
            await observer(record)

    async def _publish_releases(self) -> None:
        """Every release and config that a rule or pin names, the last good ones, and the newest five."""
        async with self._ground.database.read() as connection:
            wanted = await wanted_releases(connection)
        for digest in wanted - self._confirmed:
            async with self._ground.database.read() as connection:
                record = await releases.get(connection, digest)
                blob = None if record is None else await releases.get_blob(connection, record.config_sha256)
            if record is None or blob is None:
                continue
            out = await self._publisher.publish(topics.blob(record.config_sha256), blob, retain=True)
            if out and await self._publisher.publish(topics.release(digest), record.envelope, retain=True):
                self._confirmed.add(digest)
                self._cleared.discard(digest)

    async def _clear_releases(self) -> None:
        """What nobody names any more goes from the broker (PROTOCOL 3), once the orders that named it are replaced."""
        async with self._ground.database.read() as connection:
            if any(one.published_at is None for one in (await directives.current_all(connection)).values()):
                return
            wanted, configs = await wanted_releases(connection), await releases.configs(connection)
        kept = {configs[digest] for digest in wanted if digest in configs}
        stale = iter(sorted(configs.keys() - wanted - self._cleared))
        while few := list(islice(stale, AT_ONCE)):
            out = await asyncio.gather(*(self._clear(digest, configs[digest], kept) for digest in few))
            self._cleared |= {digest for digest, confirmed in zip(few, out, strict=True) if confirmed}

    async def _clear(self, digest: str, config_sha256: str, kept: set[str]) -> bool:
        self._confirmed.discard(digest)
        spared = config_sha256 in kept
        cleared = spared or await self._publisher.publish(topics.blob(config_sha256), b"", retain=True)
        return cleared and await self._publisher.publish(topics.release(digest), b"", retain=True)

    async def _publish_assignments(self) -> None:
        async with self._assignments_turn:
            while self._publisher.connected:
                async with self._ground.database.read() as connection:
                    waiting = await devices.unpublished(connection)
                if not waiting or not await self._publish_all_assignments(waiting):
                    return

    async def _publish_all_assignments(self, some: Iterable[DeviceRecord]) -> bool:
        """Whether all were confirmed."""
        whole = True
        waiting = iter(some)
        while few := list(islice(waiting, AT_ONCE)):
            out = await asyncio.gather(*(self._publish_assignment(device) for device in few))
            async with self._ground.database.begin() as connection:
                for device, confirmed in zip(few, out, strict=True):
                    if confirmed and device.published_at is None:
                        now = self._ground.clock()
                        await devices.mark_published(connection, device.device_id, device.number, now)
            whole = whole and all(out)
        return whole

    async def _publish_assignment(self, device: DeviceRecord) -> bool:
        return await self._publisher.publish(topics.assignment(device.device_id), device.assignment, retain=True)


async def wanted_releases(connection: AsyncConnection) -> set[str]:
    """Digests that must stay retained; of those withdrawn, only what an order names: nobody is to go back there."""
    wanted: set[str] = {
        rule.release for record in (await directives.current_all(connection)).values() for rule in record.rules
    }
    wanted |= {record.last_good for record in await channels.every(connection) if record.last_good is not None}
    wanted |= {record.digest for record in await releases.newest(connection, KEPT_RELEASES)}
    return wanted | await devices.pinned_releases(connection)
