"""Channels and their standing terms; what they order now is in orders.py."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import delete as remove
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import changed, many, one, values_of
from pyv_fleet.store.schema import channels
from pyvorin_edge.vocabulary import DriftPolicy


class ChannelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A channel's terms. `last_good`: digest of the release that was the whole channel's before the present one."""

    name: str
    drift_policy: DriftPolicy = DriftPolicy.ALERT
    drift_ignore: list[dict[str, Any]] = []
    window: dict[str, Any] | None = None
    beat_seconds: int = 60
    report_seconds: int = 900
    keepalive_seconds: int = 60
    settle_seconds: int = 10
    download_bytes_per_second: int = 0
    overdue_seconds: int = 900
    policy: str | None = None
    freezes: list[dict[str, Any]] = []
    hold_outs: list[dict[str, Any]] = []
    #: core/policy.py's Herd; none = no device waits for a turn
    herd: dict[str, Any] | None = None
    last_good: str | None = None
    created_at: int = 0


async def get(connection: AsyncConnection, name: str) -> ChannelRecord | None:
    """One channel."""
    return await one(connection, select(channels).where(channels.c.name == name), ChannelRecord)


async def every(connection: AsyncConnection) -> list[ChannelRecord]:
    """All channels by name."""
    return await many(connection, select(channels).order_by(channels.c.name), ChannelRecord)


async def save(connection: AsyncConnection, record: ChannelRecord) -> None:
    """Insert or replace a channel."""
    values = values_of(record)
    same = channels.c.name == record.name
    done = await connection.execute(update(channels).where(same).values(changed(values, "name", "created_at")))
    if done.rowcount == 0:
        await connection.execute(insert(channels).values(values))


async def delete(connection: AsyncConnection, name: str) -> None:
    """Its terms are gone."""
    await connection.execute(remove(channels).where(channels.c.name == name))


async def set_last_good(connection: AsyncConnection, name: str, digest: str | None) -> None:
    """What a rollback to `last-good` of this channel goes to."""
    await connection.execute(update(channels).where(channels.c.name == name).values(last_good=digest))
