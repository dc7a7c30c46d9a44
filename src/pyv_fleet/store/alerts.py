"""Alerts: at most one open per (name, subject)."""

from __future__ import annotations

import msgspec
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import AlertState
from pyv_fleet.store.records import add, many, one, page, record_of
from pyv_fleet.store.schema import alerts


class AlertRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An alert; `subject` is a device id, a channel, or "" for the fleet."""

    id: str
    name: str
    subject: str
    device_id: str | None
    state: AlertState
    detail: str
    verified: bool
    raised_at: int
    resolved_at: int | None = None


async def open_one(connection: AsyncConnection, name: str, subject: str) -> AlertRecord | None:
    """The alert of that name that holds for the subject."""
    this = (alerts.c.name == name) & (alerts.c.subject == subject) & (alerts.c.state == AlertState.FIRING.value)
    return await one(connection, select(alerts).where(this), AlertRecord)


async def get(connection: AsyncConnection, alert_id: str) -> AlertRecord | None:
    """One alert."""
    return await one(connection, select(alerts).where(alerts.c.id == alert_id), AlertRecord)


async def all_open(connection: AsyncConnection) -> list[AlertRecord]:
    """Everything that holds, oldest first."""
    query = select(alerts).where(alerts.c.state == AlertState.FIRING.value).order_by(alerts.c.id)
    return await many(connection, query, AlertRecord)


async def count_open(connection: AsyncConnection) -> dict[str, int]:
    """How many alerts hold, by name."""
    query = select(alerts.c.name, func.count()).where(alerts.c.state == AlertState.FIRING.value).group_by(alerts.c.name)
    return {str(name): int(count) for name, count in (await connection.execute(query)).all()}


async def put(connection: AsyncConnection, record: AlertRecord) -> None:
    """Store a new alert; ask `open_one` first."""
    await add(connection, alerts, record)


async def update_detail(connection: AsyncConnection, alert_id: str, detail: str, verified: bool) -> None:
    """What is known of an open alert now."""
    await connection.execute(update(alerts).where(alerts.c.id == alert_id).values(detail=detail, verified=verified))


async def resolve(connection: AsyncConnection, name: str, subject: str, now_ms: int) -> bool:
    """It no longer holds; whether there was one."""
    this = (alerts.c.name == name) & (alerts.c.subject == subject) & (alerts.c.state == AlertState.FIRING.value)
    done = await connection.execute(
        update(alerts).where(this).values(state=AlertState.RESOLVED.value, resolved_at=now_ms)
    )
    return bool(done.rowcount)


async def find_page(connection: AsyncConnection, after: str | None, limit: int) -> tuple[list[AlertRecord], bool, int]:
    """A page, newest first: alerts, whether there are more, how many in all."""
    paged = await page(connection, select(alerts), alerts.c.id, after, limit, newest=True)
    return [record_of(row, AlertRecord) for row in paged.rows], paged.more, paged.total
