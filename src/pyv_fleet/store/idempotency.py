"""Answers to POSTs that bore an Idempotency-Key: the same question again gets the same answer (PROTOCOL 9)."""

from __future__ import annotations

import msgspec
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add, one
from pyv_fleet.store.schema import idempotency

UNDER_WAY = 0
"""The status of a request that was begun and not answered yet: written before the act, so that none is done twice."""


class AnswerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered to whom; another request under the same key is refused."""

    actor: str
    key: str
    request_sha256: str
    status: int
    body: bytes
    made_at: int


async def get(connection: AsyncConnection, actor: str, key: str) -> AnswerRecord | None:
    """The answer given before."""
    return await one(connection, select(idempotency).where(_this(actor, key)), AnswerRecord)


async def put(connection: AsyncConnection, record: AnswerRecord) -> None:
    """Store that a request was begun, or its answer at once."""
    await add(connection, idempotency, record)


async def answered(connection: AsyncConnection, actor: str, key: str, status: int, body: bytes) -> None:
    """Store what was answered to a request that was begun."""
    await connection.execute(update(idempotency).where(_this(actor, key)).values(status=status, body=body))


async def forget(connection: AsyncConnection, actor: str, key: str) -> None:
    """Drop one: nothing was done, so the same may be tried again."""
    await connection.execute(delete(idempotency).where(_this(actor, key)))


async def forget_before(connection: AsyncConnection, before_ms: int) -> None:
    """Drop old answers."""
    await connection.execute(delete(idempotency).where(idempotency.c.made_at < before_ms))


def _this(actor: str, key: str) -> ColumnElement[bool]:
    return (idempotency.c.actor == actor) & (idempotency.c.key == key)
