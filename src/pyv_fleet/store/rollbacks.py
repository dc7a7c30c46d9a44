"""Rollbacks and who acknowledged them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add, many, one, values_of
from pyv_fleet.store.schema import rollback_acks, rollbacks


class RollbackTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What one channel was ordered to go back to, and by which directive."""

    release: str
    epoch: int
    generation: int


class RollbackRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A rollback; `targets` by channel."""

    id: str
    to_version: str
    targets: dict[str, RollbackTarget]
    reason: str
    created_by: str
    started_at: int
    done_at: int | None = None


class AckRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A device that the rollback touches; `online` when it started."""

    rollback_id: str
    device_id: str
    channel: str
    online: bool
    acknowledged_at: int | None = None


async def get(connection: AsyncConnection, rollback_id: str) -> RollbackRecord | None:
    """One rollback."""
    return await one(connection, select(rollbacks).where(rollbacks.c.id == rollback_id), RollbackRecord)


async def open_ones(connection: AsyncConnection) -> list[RollbackRecord]:
    """Rollbacks that still wait for acknowledgements, oldest first."""
    query = select(rollbacks).where(rollbacks.c.done_at.is_(None)).order_by(rollbacks.c.id)
    return await many(connection, query, RollbackRecord)


async def put(connection: AsyncConnection, record: RollbackRecord, acks: Sequence[AckRecord]) -> None:
    """Store a new rollback with all devices that it touches."""
    await add(connection, rollbacks, record)
    if acks:
        await connection.execute(insert(rollback_acks), [values_of(ack) for ack in acks])


async def acks_of(connection: AsyncConnection, rollback_id: str) -> list[AckRecord]:
    """All devices that the rollback touches, by id."""
    query = select(rollback_acks).where(rollback_acks.c.rollback_id == rollback_id)
    return await many(connection, query.order_by(rollback_acks.c.device_id), AckRecord)


async def acknowledge(connection: AsyncConnection, rollback_id: str, device_id: str, now_ms: int) -> None:
    """A device runs the target; a second acknowledgement changes nothing."""
    this = (rollback_acks.c.rollback_id == rollback_id) & (rollback_acks.c.device_id == device_id)
    this = this & rollback_acks.c.acknowledged_at.is_(None)
    await connection.execute(update(rollback_acks).where(this).values(acknowledged_at=now_ms))


async def close(connection: AsyncConnection, rollback_id: str, now_ms: int) -> None:
    """It waits for nobody any more."""
    await connection.execute(update(rollbacks).where(rollbacks.c.id == rollback_id).values(done_at=now_ms))
