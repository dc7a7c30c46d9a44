"""Certificates that no longer count: on the CRL, at the broker, and in the store that the API asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from pyv_fleet.broker.interface import Broker, BrokerError
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.store import certificates, devices
from pyv_fleet.trust.authority import RENEWABLE_AFTER_EXPIRY, Authority, Revoked

log = logging.getLogger(__name__)


class Revocation:
    """Rewrites the CRL from the store. The store revokes at once; the broker follows."""

    def __init__(self, ground: Ground, authority: Authority, broker: Broker | None) -> None:
        self._ground = ground
        self._authority = authority
        self._broker = broker
        self._turn = asyncio.Lock()

    async def crl(self) -> bytes:
        """The CRL as it must be now, written durably."""
        now_ms = self._ground.clock()
        keep_ms = int(RENEWABLE_AFTER_EXPIRY.total_seconds() * 1000)
        async with self._ground.database.read() as connection:
            found = await certificates.revoked(connection, now_ms, keep_ms)
        lines = [Revoked(int(one.serial, 16), rfc3339(one.revoked_at or now_ms)) for one in found]
        return await asyncio.to_thread(self._authority.write_crl, lines, rfc3339(now_ms))

    async def refresh(self) -> None:
        """Daily: an expired CRL locks every device out (PROTOCOL 10)."""
        async with self._turn:
            crl = await self.crl()
            if self._broker is not None:
                await self._broker.reload(crl=crl)

    async def cut(self, device_ids: Sequence[str]) -> None:
        """Their revoked certificates are refused from now on, and live sessions end."""
        async with self._turn:
            crl = await self.crl()
            for device_id in device_ids:
                try:
                    if self._broker is not None:
                        await self._broker.revoke(device_id, crl)
                except BrokerError as why:
                    log.error("revoking %s at the broker: %s", device_id, why)

    async def restore(self) -> None:
        """Certificates that are off the list again are let in from now on."""
        try:
            await self.refresh()
        except BrokerError as why:
            log.error("letting devices in again at the broker: %s", why)

    async def valid(self, device_id: str, serial: int) -> bool:
        """Whether a certificate that TLS accepted still is that device's: issued here, not revoked, not quarantined."""
        async with self._ground.database.read() as connection:
            found = await certificates.get(connection, f"{serial:x}")
            device = await devices.get(connection, device_id)
        if found is None or device is None:
            return False
        return found.device_id == device_id and found.revoked_at is None and not device.quarantined
