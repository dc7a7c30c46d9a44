"""Requests to devices and how they ended."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add
from pyv_fleet.store.schema import requests
from pyvorin_edge.vocabulary import Refusal, ResponseOutcome, Verb


class RequestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it was sent; `device_id` is `shard/<ss>` for a whole shard."""

    request_id: str
    device_id: str
    verb: Verb
    args: dict[str, Any]
    actor: str
    issued_at: int
    expires_at: int
    outcome: ResponseOutcome | None = None
    code: Refusal | None = None
    answered_at: int | None = None


async def put(connection: AsyncConnection, record: RequestRecord) -> None:
    """Store a request before it is sent."""
    await add(connection, requests, record)


async def answer(
    connection: AsyncConnection,
    request_id: str,
    device_id: str,
    outcome: ResponseOutcome,
    code: Refusal | None,
    now_ms: int,
) -> None:
    """How it ended; only the device that was asked can answer, and once."""
    this = (requests.c.request_id == request_id) & (requests.c.device_id == device_id) & requests.c.outcome.is_(None)
    values = {"outcome": outcome.value, "code": None if code is None else code.value, "answered_at": now_ms}
    await connection.execute(update(requests).where(this).values(values))
