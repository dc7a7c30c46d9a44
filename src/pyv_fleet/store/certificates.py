"""Device certificates: what was issued, and what is revoked."""

from __future__ import annotations

import msgspec
from sqlalchemy import func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add, many, one
from pyv_fleet.store.schema import certificates, devices


class CertificateRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An issued certificate; `serial` in lower-case hex."""

    serial: str
    device_id: str
    key_sha256: str
    issued_at: int
    expires_at: int
    revoked_at: int | None = None


async def put(connection: AsyncConnection, record: CertificateRecord) -> None:
    """Store one that is about to be handed out."""
    await add(connection, certificates, record)


async def get(connection: AsyncConnection, serial: str) -> CertificateRecord | None:
    """One certificate by its serial."""
    return await one(connection, select(certificates).where(certificates.c.serial == serial), CertificateRecord)


async def revoke_all_of(connection: AsyncConnection, device_id: str, now_ms: int) -> int:
    """Revoke every certificate of a device; how many were in force."""
    this = (certificates.c.device_id == device_id) & certificates.c.revoked_at.is_(None)
    return (await connection.execute(update(certificates).where(this).values(revoked_at=now_ms))).rowcount


async def newest_issue(connection: AsyncConnection, device_id: str) -> int:
    """Unix ms from which a device's newest certificate counts; 0 if it has none."""
    query = select(func.max(certificates.c.issued_at)).where(certificates.c.device_id == device_id)
    return int((await connection.execute(query)).scalar_one_or_none() or 0)


async def revoked(connection: AsyncConnection, now_ms: int, keep_ms: int) -> list[CertificateRecord]:
    """What must stand on the CRL: revoked or of a quarantined device, and not expired longer than `keep_ms` (it could
    be renewed so long). A certificate that stands there for the quarantine alone has no `revoked_at`."""
    query = (
        select(certificates)
        .join(devices, devices.c.device_id == certificates.c.device_id)
        .where(or_(certificates.c.revoked_at.is_not(None), devices.c.quarantined))
        .where(certificates.c.expires_at > now_ms - keep_ms)
    )
    return await many(connection, query.order_by(certificates.c.serial), CertificateRecord)
