"""What devices without MQTT should run, and who waits for it (PROTOCOL 9): woken by publication, not by the clock."""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import Final

import msgspec

from pyv_fleet.engine.bell import channel_name, device_name
from pyv_fleet.engine.errors import NotFound
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import devices
from pyv_fleet.store import orders as directives

#: whoever was woken looks once in so long, however often it is rung
LOOK_APART_SECONDS: Final = 0.5
#: waiters that read the store at the same time, when a whole channel is woken
LOOKS_AT_ONCE: Final = 32


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """The envelopes in force for a device, none where there is none, and the newest trust document's version."""

    channel: str
    directive: bytes | None
    assignment: bytes | None
    trust: int

    @property
    def etag(self) -> str:
        """Changes with any of them."""
        parts = (self.directive or b"", self.assignment or b"", str(self.trust).encode())
        return f'"{hashlib.sha256(bytes(1).join(parts)).hexdigest()[:32]}"'


class DesiredOrders:
    """Answers `desired`."""

    def __init__(self, ground: Ground, trust: TrustChain) -> None:
        self._ground = ground
        self._trust = trust
        self._bell = ground.ordered
        self._looks = asyncio.Semaphore(LOOKS_AT_ONCE)

    async def of(self, device_id: str) -> Desired:
        """In force now; NotFound."""
        async with self._looks, self._ground.database.read() as connection:
            device = await devices.get(connection, device_id)
            if device is None:
                raise NotFound("no such device", device_id)
            current = await directives.current(connection, device.channel)
        return Desired(
            channel=device.channel,
            directive=None if current is None else current.envelope,
            assignment=device.assignment or None,
            trust=self._trust.current.version,
        )

    async def after(self, device_id: str, known: str, within_seconds: float, ending: asyncio.Event) -> Desired:
        """As soon as its ETag is not `known`, else as it is when the time is over or the server ends; NotFound."""
        deadline = time.monotonic() + within_seconds
        rings = self._bell.rings
        found = await self.of(device_id)
        with self._bell.heard_by(device_name(device_id), channel_name(found.channel)) as rung:
            if rings != self._bell.rings:
                rung.set()  # it may have been rung between the look and now
            while found.etag == known and await _either(rung, ending, deadline - time.monotonic()):
                rung.clear()
                found = await self.of(device_id)
                if found.etag == known:
                    await asyncio.sleep(LOOK_APART_SECONDS)
        return found


async def _either(rung: asyncio.Event, ending: asyncio.Event, seconds: float) -> bool:
    """Whether it was rung before the time was over or the server ended."""
    tasks = [asyncio.create_task(event.wait()) for event in (rung, ending)]
    try:
        await asyncio.wait(tasks, timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return rung.is_set() and not ending.is_set()
