"""Certificates that no longer count: on the CRL, at the broker, and in the store that the API asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from msgspec.structs import replace

from pyv_fleet.broker.interface import Broker, BrokerError
from pyv_fleet.core.recovery import knows_again
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.store import audit, certificates, devices
from pyv_fleet.store.certificates import CertificateRecord
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.trust.authority import RENEWABLE_AFTER_EXPIRY, Authority, Revoked
from pyv_fleet.trust.certificates import spki_sha256

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
        lines += await self._unknown(now_ms)
        return await asyncio.to_thread(self._authority.write_crl, lines, rfc3339(now_ms))

    async def _unknown(self, now_ms: int) -> list[Revoked]:
        """Revoked by the CRL that was written last, and not known to the store: it is older, or new (recovered). Who
        was shut out stays so."""
        listed = self._authority.listed(rfc3339(now_ms))
        async with self._ground.database.read() as connection:
            return [one for one in listed if await certificates.get(connection, f"{one.serial:x}") is None]

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

    async def valid(self, device_id: str, serial: int, presented: x509.Certificate | None = None) -> bool:
        """Whether a certificate that TLS accepted still is that device's: issued here, not revoked, not quarantined.

        `presented`: the certificate itself, to be known again if its issue is not in the store (a backup).
        """
        if presented is not None:
            await self.recognise(device_id, presented)
        async with self._ground.database.read() as connection:
            found = await certificates.get(connection, f"{serial:x}")
            device = await devices.get(connection, device_id)
        if found is None or device is None:
            return False
        return found.device_id == device_id and found.revoked_at is None and not device.quarantined

    async def recognise(self, device_id: str, presented: x509.Certificate) -> None:
        """Take up a certificate that our device CA signed and this store does not know: it was issued after a backup
        that was restored, or before the store was lost. Who holds the key has shown it in the TLS handshake."""
        serial = f"{presented.serial_number:x}"
        async with self._ground.database.read() as connection:
            known = await certificates.get(connection, serial)
            device = await devices.get(connection, device_id)
            newest = 0 if device is None else await certificates.newest_issue(connection, device_id)
        if known is not None or device is None or not self._is_ours(presented):
            return
        made = certificate_record(presented, device_id, spki_sha256(presented.public_key()))
        if not knows_again(device.key_sha256, made.key_sha256, quarantined=device.quarantined, newest=newest,
                           issued_at=made.issued_at):  # fmt: skip
            return
        await self._take_up(device, made)

    async def _take_up(self, device: DeviceRecord, made: CertificateRecord) -> None:
        other = device.key_sha256 not in ("", made.key_sha256)
        async with self._ground.database.begin() as connection:
            if other:  # enrolled anew with another key since: the keys before were revoked then
                await certificates.revoke_all_of(connection, device.device_id, self._ground.clock())
            incarnation = device.incarnation + (1 if other else 0)
            await devices.save(connection, replace(device, key_sha256=made.key_sha256, incarnation=incarnation))
            await certificates.put(connection, made)
            await audit.append(
                connection,
                now_ms=self._ground.clock(),
                actor="controller",
                act="device.recognise",
                subject=device.device_id,
                reason="it showed a certificate of this fleet that the store did not know",
            )
        if other:
            await self.restore()

    def _is_ours(self, presented: x509.Certificate) -> bool:
        try:
            presented.verify_directly_issued_by(self._authority.device_ca)
        except (InvalidSignature, ValueError, TypeError):
            return False
        listed = self._authority.listed(rfc3339(self._ground.clock()))
        return presented.serial_number not in {one.serial for one in listed}


def certificate_record(certificate: x509.Certificate, device_id: str, key_sha256: str) -> CertificateRecord:
    """A device's certificate as the store keeps it."""
    return CertificateRecord(
        serial=f"{certificate.serial_number:x}",
        device_id=device_id,
        key_sha256=key_sha256,
        issued_at=int(certificate.not_valid_before_utc.timestamp() * 1000),
        expires_at=int(certificate.not_valid_after_utc.timestamp() * 1000),
    )
