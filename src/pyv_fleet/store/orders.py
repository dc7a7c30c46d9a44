"""Directives, all that were ever issued; the current one of a channel is that of the highest (epoch, generation)."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add, many, one
from pyv_fleet.store.schema import directives
from pyvorin_edge.orders import Rule

#: of a channel within one deadline; a rollout makes one a wave
RECENT_MAX: Final = 100


class DirectiveRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A directive as it was sealed."""

    channel: str
    epoch: int
    generation: int
    envelope: bytes
    payload_sha256: str
    rules: tuple[Rule, ...]
    reason: str
    issued_by: str
    issued_at: int
    expires_at: int
    #: adopted from the broker: valid, and not issued by this store
    foreign: bool = False
    #: when the broker confirmed it; none = not yet
    published_at: int | None = None


async def current(connection: AsyncConnection, channel: str) -> DirectiveRecord | None:
    """What the channel orders now; none before its first directive."""
    query = (
        select(directives)
        .where(directives.c.channel == channel)
        .order_by(directives.c.epoch.desc(), directives.c.generation.desc())
        .limit(1)
    )
    return await one(connection, query, DirectiveRecord)


async def current_all(connection: AsyncConnection) -> dict[str, DirectiveRecord]:
    """What each channel orders now, by channel."""
    names = await connection.execute(select(directives.c.channel).distinct())
    found = {str(name): await current(connection, name) for (name,) in names.all()}
    return {name: record for name, record in found.items() if record is not None}


async def at(connection: AsyncConnection, channel: str, epoch: int, generation: int) -> DirectiveRecord | None:
    """One directive of a channel."""
    this = (directives.c.channel == channel) & (directives.c.epoch == epoch) & (directives.c.generation == generation)
    return await one(connection, select(directives).where(this), DirectiveRecord)


async def history(connection: AsyncConnection, channel: str, limit: int) -> list[DirectiveRecord]:
    """A channel's directives, newest first."""
    query = (
        select(directives)
        .where(directives.c.channel == channel)
        .order_by(directives.c.epoch.desc(), directives.c.generation.desc())
        .limit(limit)
    )
    return await many(connection, query, DirectiveRecord)


async def recent(connection: AsyncConnection, channel: str, since_ms: int) -> list[DirectiveRecord]:
    """A channel's directives, newest first: those issued since then, and the one that stood at that time."""
    mine = (
        select(directives)
        .where(directives.c.channel == channel)
        .order_by(directives.c.epoch.desc(), directives.c.generation.desc())
    )
    newer = await many(connection, mine.where(directives.c.issued_at > since_ms).limit(RECENT_MAX), DirectiveRecord)
    stood = await many(connection, mine.where(directives.c.issued_at <= since_ms).limit(1), DirectiveRecord)
    return [*newer, *stood]


async def put(connection: AsyncConnection, record: DirectiveRecord) -> None:
    """Store a new directive."""
    await add(connection, directives, record)


async def mark_published(connection: AsyncConnection, record: DirectiveRecord, now_ms: int) -> None:
    """The broker confirmed it."""
    this = (
        (directives.c.channel == record.channel)
        & (directives.c.epoch == record.epoch)
        & (directives.c.generation == record.generation)
    )
    await connection.execute(update(directives).where(this).values(published_at=now_ms))
