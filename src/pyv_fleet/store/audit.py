"""Who did what, hash-chained: a line that was changed or taken out shows."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add, many, one
from pyv_fleet.store.schema import audit

FIRST: Final = "0" * 64


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One act. `hash` covers the line and `prev_hash`, the hash of the line before."""

    seq: int
    at: int
    actor: str
    act: str
    subject: str
    reason: str
    prev_hash: str
    hash: str = ""


async def append(
    connection: AsyncConnection, *, now_ms: int, actor: str, act: str, subject: str, reason: str
) -> AuditRecord:
    """Add a line in the transaction of the act itself."""
    last = await one(connection, select(audit).order_by(audit.c.seq.desc()).limit(1), AuditRecord)
    line = AuditRecord(
        seq=1 if last is None else last.seq + 1,
        at=now_ms,
        actor=actor,
        act=act,
        subject=subject,
        reason=reason,
        prev_hash=FIRST if last is None else last.hash,
    )
    line = msgspec.structs.replace(line, hash=hash_of(line))
    await add(connection, audit, line)
    return line


def hash_of(line: AuditRecord) -> str:
    """What `hash` of this line must be: SHA-256 of its other fields as a JSON array."""
    fields = [line.seq, line.at, line.actor, line.act, line.subject, line.reason, line.prev_hash]
    return hashlib.sha256(msgspec.json.encode(fields)).hexdigest()


async def first_broken(connection: AsyncConnection) -> int | None:
    """The seq of the first line that does not follow from the one before; none if all do."""
    before, expected = FIRST, 1
    for line in await many(connection, select(audit).order_by(audit.c.seq), AuditRecord):
        if line.seq != expected or line.prev_hash != before or line.hash != hash_of(line):
            return expected
        before, expected = line.hash, expected + 1
    return None


async def find_page(connection: AsyncConnection, after: str | None, limit: int) -> tuple[list[AuditRecord], bool, int]:
    """A page, newest first: lines, whether there are more, how many in all. `after` is a seq."""
    query = select(audit).order_by(audit.c.seq.desc()).limit(limit + 1)
    if after:
        query = query.where(audit.c.seq < int(after))
    lines = await many(connection, query, AuditRecord)
    total = (await connection.execute(select(func.count()).select_from(audit))).scalar_one()
    return lines[:limit], len(lines) > limit, int(total)
