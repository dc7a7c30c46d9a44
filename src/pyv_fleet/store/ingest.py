"""Batches of telemetry, each stored once (PROTOCOL 9)."""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.schema import ingest_batches


async def put(connection: AsyncConnection, source: str, batch_id: str, body: bytes, items: int, now_ms: int) -> bool:
    """Store a batch; false if this source sent it before."""
    this = (ingest_batches.c.source == source) & (ingest_batches.c.batch_id == batch_id)
    if (await connection.execute(select(ingest_batches.c.batch_id).where(this))).first() is not None:
        return False
    row = {"source": source, "batch_id": batch_id, "body": body, "item_count": items, "received_at": now_ms}
    await connection.execute(insert(ingest_batches).values(row))
    return True


async def forget_before(connection: AsyncConnection, before_ms: int) -> int:
    """Drop old batches; how many."""
    return (await connection.execute(delete(ingest_batches).where(ingest_batches.c.received_at < before_ms))).rowcount
