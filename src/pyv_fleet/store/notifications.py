"""The outbox: notifications on their way to sinks, and the groups that alerts are told in."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.notifying import Group
from pyv_fleet.core.words import DeliveryState
from pyv_fleet.store.records import add, changed, chunks, many, one, values_of
from pyv_fleet.store.schema import alert_groups, notifications


class NotificationRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A notification for one sink; `body` is core/notifying.py's Notification."""

    id: str
    sink: str
    body: dict[str, Any]
    state: DeliveryState
    made_at: int
    #: failed tries
    tries: int = 0
    #: not tried before then
    next_at: int = 0
    ended_at: int | None = None
    #: why the last try failed
    error: str | None = None


async def put(connection: AsyncConnection, record: NotificationRecord) -> None:
    """Store a new one, before anything is sent."""
    await add(connection, notifications, record)


async def head(connection: AsyncConnection, sink: str) -> NotificationRecord | None:
    """The oldest that waits for a sink."""
    waiting = (notifications.c.sink == sink) & (notifications.c.state == DeliveryState.WAITING.value)
    query = select(notifications).where(waiting).order_by(notifications.c.id).limit(1)
    return await one(connection, query, NotificationRecord)


async def save(connection: AsyncConnection, record: NotificationRecord) -> None:
    """How a try went."""
    values = changed(values_of(record), "id", "body", "sink", "made_at")
    await connection.execute(update(notifications).where(notifications.c.id == record.id).values(values))


async def counts(connection: AsyncConnection) -> dict[tuple[str, DeliveryState], int]:
    """How many there are, by sink and state."""
    query = select(notifications.c.sink, notifications.c.state, func.count()).group_by(
        notifications.c.sink, notifications.c.state
    )
    rows = (await connection.execute(query)).all()
    return {(str(sink), DeliveryState(state)): int(count) for sink, state, count in rows}


async def forget_before(connection: AsyncConnection, before_ms: int) -> None:
    """Those that ended before then go."""
    await connection.execute(delete(notifications).where(notifications.c.ended_at < before_ms))


async def groups(connection: AsyncConnection) -> dict[str, Group]:
    """Groups that something holds in, or is to be told of, by key."""
    return {group.key: group for group in await many(connection, select(alert_groups), Group)}


async def save_group(connection: AsyncConnection, group: Group) -> None:
    """Insert or replace a group."""
    done = await connection.execute(
        update(alert_groups).where(alert_groups.c.key == group.key).values(told_at=group.told_at)
    )
    if done.rowcount == 0:
        await connection.execute(insert(alert_groups).values(values_of(group)))


async def close_groups(connection: AsyncConnection, keys: list[str]) -> None:
    """Nothing of them holds any more, and all is told."""
    for some in chunks(keys):
        await connection.execute(delete(alert_groups).where(alert_groups.c.key.in_(some)))
