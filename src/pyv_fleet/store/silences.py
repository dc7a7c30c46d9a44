"""Silences, kept after their end: who muted what, and why."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add, many, one, page, record_of
from pyv_fleet.store.schema import silences


class SilenceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A silence; `matcher` is core/silences.py's Matcher."""

    id: str
    matcher: dict[str, Any]
    begins_at: int
    ends_at: int
    reason: str
    made_by: str
    ended_by: str | None = None


async def get(connection: AsyncConnection, silence_id: str) -> SilenceRecord | None:
    """One silence."""
    return await one(connection, select(silences).where(silences.c.id == silence_id), SilenceRecord)


async def in_force(connection: AsyncConnection, now_ms: int) -> list[SilenceRecord]:
    """Those that have not ended."""
    return await many(connection, select(silences).where(silences.c.ends_at > now_ms), SilenceRecord)


async def put(connection: AsyncConnection, record: SilenceRecord) -> None:
    """Store a new silence."""
    await add(connection, silences, record)


async def end(connection: AsyncConnection, silence_id: str, now_ms: int, actor: str) -> None:
    """It ends now."""
    this = (silences.c.id == silence_id) & (silences.c.ends_at > now_ms)
    await connection.execute(update(silences).where(this).values(ends_at=now_ms, ended_by=actor))


async def find_page(
    connection: AsyncConnection, after: str | None, limit: int
) -> tuple[list[SilenceRecord], bool, int]:
    """A page, newest first: silences, whether there are more, how many in all."""
    paged = await page(connection, select(silences), silences.c.id, after, limit, newest=True)
    return [record_of(row, SilenceRecord) for row in paged.rows], paged.more, paged.total


async def forget_before(connection: AsyncConnection, before_ms: int) -> None:
    """Those that ended before then go."""
    await connection.execute(delete(silences).where(silences.c.ends_at < before_ms))
