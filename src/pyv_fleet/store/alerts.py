"""Alerts: at most one open per (name, subject)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Select, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.words import AlertState, Severity
from pyv_fleet.store.records import add, chunks, many, one, page, record_of
from pyv_fleet.store.schema import alerts


class AlertRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An alert; `subject` is a device id, a channel, `label=value`, or "" for the fleet."""

    id: str
    name: str
    subject: str
    device_id: str | None
    state: AlertState
    detail: str
    verified: bool
    raised_at: int
    resolved_at: int | None = None
    severity: Severity = Severity.WARNING
    #: of its device, or of what it is about
    labels: dict[str, str] = {}
    #: raised by a rule, which ends it too
    rule: bool = False
    #: of a diagnosis
    code: str | None = None
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    acknowledged_reason: str | None = None
    #: the state that was last told to sinks
    told: AlertState | None = None


async def open_one(connection: AsyncConnection, name: str, subject: str) -> AlertRecord | None:
    """The alert of that name that holds for the subject."""
    return await one(connection, select(alerts).where(_open(name, subject)), AlertRecord)


async def get(connection: AsyncConnection, alert_id: str) -> AlertRecord | None:
    """One alert."""
    return await one(connection, select(alerts).where(alerts.c.id == alert_id), AlertRecord)


async def all_open(connection: AsyncConnection) -> list[AlertRecord]:
    """Everything that holds, oldest first."""
    query = select(alerts).where(alerts.c.state == AlertState.FIRING.value).order_by(alerts.c.id)
    return await many(connection, query, AlertRecord)


async def untold(connection: AsyncConnection) -> list[AlertRecord]:
    """What holds and was not told, and what was told and no longer holds; oldest first."""
    firing, resolved = AlertState.FIRING.value, AlertState.RESOLVED.value
    new = (alerts.c.state == firing) & alerts.c.told.is_(None)
    over = (alerts.c.state == resolved) & (alerts.c.told == firing)
    return await many(connection, select(alerts).where(new | over).order_by(alerts.c.id), AlertRecord)


async def resolved_since(connection: AsyncConnection, since_ms: int) -> list[AlertRecord]:
    """What ended since then."""
    over = (alerts.c.state == AlertState.RESOLVED.value) & (alerts.c.resolved_at >= since_ms)
    return await many(connection, select(alerts).where(over).order_by(alerts.c.id), AlertRecord)


async def open_among(connection: AsyncConnection, name: str, subjects: Iterable[str]) -> set[str]:
    """Which of these an alert of that name holds about."""
    found: set[str] = set()
    for some in chunks(subjects):
        this = (alerts.c.name == name) & alerts.c.subject.in_(some) & (alerts.c.state == AlertState.FIRING.value)
        found |= {str(subject) for (subject,) in await connection.execute(select(alerts.c.subject).where(this))}
    return found


async def open_named(connection: AsyncConnection, name: str) -> list[AlertRecord]:
    """Those of one name that hold, oldest first."""
    this = (alerts.c.name == name) & (alerts.c.state == AlertState.FIRING.value)
    return await many(connection, select(alerts).where(this).order_by(alerts.c.id), AlertRecord)


async def count_open(connection: AsyncConnection) -> dict[str, int]:
    """How many alerts hold, by name."""
    query = select(alerts.c.name, func.count()).where(alerts.c.state == AlertState.FIRING.value).group_by(alerts.c.name)
    return {str(name): int(count) for name, count in (await connection.execute(query)).all()}


async def put(connection: AsyncConnection, record: AlertRecord) -> None:
    """Store a new alert; ask `open_one` first."""
    await add(connection, alerts, record)


async def change(connection: AsyncConnection, alert_id: str, **columns: Any) -> None:
    """Set some columns of an alert."""
    await connection.execute(update(alerts).where(alerts.c.id == alert_id).values(columns))


async def mark_told(connection: AsyncConnection, alert_ids: Iterable[str], state: AlertState) -> None:
    """Their state is on its way to the sinks."""
    for some in chunks(alert_ids):
        await connection.execute(update(alerts).where(alerts.c.id.in_(some)).values(told=state.value))


async def resolve(connection: AsyncConnection, name: str, subject: str, now_ms: int) -> bool:
    """It no longer holds; whether there was one."""
    done = await connection.execute(
        update(alerts).where(_open(name, subject)).values(state=AlertState.RESOLVED.value, resolved_at=now_ms)
    )
    return bool(done.rowcount)


async def resolve_rule(connection: AsyncConnection, name: str, now_ms: int) -> bool:
    """No alert of a rule holds any more; whether one did."""
    this = (alerts.c.name == name) & alerts.c.rule & (alerts.c.state == AlertState.FIRING.value)
    done = await connection.execute(
        update(alerts).where(this).values(state=AlertState.RESOLVED.value, resolved_at=now_ms)
    )
    return bool(done.rowcount)


async def find_page(
    connection: AsyncConnection, after: str | None, limit: int, *, state: AlertState | None = None, name: str = ""
) -> tuple[list[AlertRecord], bool, int]:
    """A page, newest first: alerts, whether there are more, how many in all."""
    query: Select[Any] = select(alerts)
    query = query if state is None else query.where(alerts.c.state == state.value)
    query = query if not name else query.where(alerts.c.name == name)
    paged = await page(connection, query, alerts.c.id, after, limit, newest=True)
    return [record_of(row, AlertRecord) for row in paged.rows], paged.more, paged.total


def _open(name: str, subject: str) -> Any:
    return (alerts.c.name == name) & (alerts.c.subject == subject) & (alerts.c.state == AlertState.FIRING.value)
