"""The fleet's one row: name, root key, and the time of the last order."""

from __future__ import annotations

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add, one
from pyv_fleet.store.schema import fleet


class FleetRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The fleet."""

    name: str
    #: hex of the trust anchor's public key
    root_key: str
    #: Unix ms of the last order
    issued_at: int
    founded_at: int


class _Row(FleetRecord, frozen=True, kw_only=True):
    id: int = 1


async def get(connection: AsyncConnection) -> FleetRecord | None:
    """The fleet; none in a new store."""
    return await one(connection, select(fleet), FleetRecord)


async def found(connection: AsyncConnection, name: str, root_key: str, now_ms: int) -> FleetRecord:
    """Make the fleet, or give the one that is there (whatever its name)."""
    known = await get(connection)
    if known is not None:
        return known
    made = _Row(name=name, root_key=root_key, issued_at=0, founded_at=now_ms)
    await add(connection, fleet, made)
    return FleetRecord(name=name, root_key=root_key, issued_at=0, founded_at=now_ms)


async def next_issued_at(connection: AsyncConnection, now_ms: int) -> int:
    """max(clock, last issued_at + 1), stored (PROTOCOL 5, rule 8)."""
    last = (await connection.execute(select(fleet.c.issued_at))).scalar_one()
    at = max(now_ms, int(last) + 1)
    await connection.execute(update(fleet).values(issued_at=at))
    return at


async def raise_issued_at(connection: AsyncConnection, seen_ms: int) -> None:
    """An order of that time was found elsewhere: the next one's is later; an earlier time changes nothing."""
    await connection.execute(update(fleet).where(fleet.c.issued_at < seen_ms).values(issued_at=seen_ms))
