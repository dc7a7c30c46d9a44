"""Answers to POSTs that bore an Idempotency-Key: the same question again gets the same answer (PROTOCOL 9)."""

from __future__ import annotations

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add, one
from pyv_fleet.store.schema import idempotency


class AnswerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to whom; another request under the same key is a conflict."""

    actor: str
    key: str
    request_sha256: str
    status: int
    body: bytes
    made_at: int


async def get(connection: AsyncConnection, actor: str, key: str) -> AnswerRecord | None:
    """The answer given before."""
    this = (idempotency.c.actor == actor) & (idempotency.c.key == key)
    return await one(connection, select(idempotency).where(this), AnswerRecord)


async def put(connection: AsyncConnection, record: AnswerRecord) -> None:
    """Store an answer."""
    await add(connection, idempotency, record)


async def forget_before(connection: AsyncConnection, before_ms: int) -> None:
    """Drop old answers."""
    await connection.execute(delete(idempotency).where(idempotency.c.made_at < before_ms))
