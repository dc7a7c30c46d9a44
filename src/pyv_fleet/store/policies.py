"""Policies: the terms of rollouts, by name."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import delete as remove
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import changed, many, one, values_of
from pyv_fleet.store.schema import policies


class PolicyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A policy; `terms` is core/policy.py's Policy."""

    name: str
    terms: dict[str, Any]
    changed_by: str
    changed_at: int


async def get(connection: AsyncConnection, name: str) -> PolicyRecord | None:
    """One policy."""
    return await one(connection, select(policies).where(policies.c.name == name), PolicyRecord)


async def every(connection: AsyncConnection) -> list[PolicyRecord]:
    """All policies by name."""
    return await many(connection, select(policies).order_by(policies.c.name), PolicyRecord)


async def save(connection: AsyncConnection, record: PolicyRecord) -> None:
    """Insert or replace a policy."""
    values = values_of(record)
    same = policies.c.name == record.name
    done = await connection.execute(update(policies).where(same).values(changed(values, "name")))
    if done.rowcount == 0:
        await connection.execute(insert(policies).values(values))


async def delete(connection: AsyncConnection, name: str) -> bool:
    """Whether there was one."""
    done = await connection.execute(remove(policies).where(policies.c.name == name))
    return done.rowcount > 0
