"""Trust documents, all of them: the newest alone cannot be verified from the anchor."""

from __future__ import annotations

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.schema import trust_documents
from pyvorin_edge.trust import Trust


async def documents(connection: AsyncConnection) -> tuple[bytes, ...]:
    """All documents in order."""
    query = select(trust_documents.c.document).order_by(trust_documents.c.version)
    return tuple(bytes(document) for (document,) in (await connection.execute(query)).all())


async def document(connection: AsyncConnection, version: int) -> bytes | None:
    """One document."""
    query = select(trust_documents.c.document).where(trust_documents.c.version == version)
    found = (await connection.execute(query)).scalar_one_or_none()
    return None if found is None else bytes(found)


async def put(connection: AsyncConnection, trust: Trust, now_ms: int, actor: str) -> None:
    """Store the newest document of a chain that was verified."""
    row = {
        "version": trust.version,
        "document": trust.document,
        "epoch": trust.epoch,
        "expires_at": trust.expires_at,
        "added_at": now_ms,
        "added_by": actor,
    }
    await connection.execute(insert(trust_documents).values(row))
