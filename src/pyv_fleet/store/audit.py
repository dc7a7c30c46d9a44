"""Who did what, hash-chained: a line that was changed or taken out shows."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.store.records import add, many, one
from pyv_fleet.store.schema import audit

FIRST: Final = "0" * 64
AT_ONCE: Final = 1_000


class Head(NamedTuple):
    """The last line that is known, by its number and its hash: whoever writes it down can show later what was cut."""

    seq: int
    hash: str


class Checked(NamedTuple):
    """How far the chain holds, and the number of the first line that is changed or missing; none if all hold."""

    head: Head
    broken: int | None


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


async def checked(connection: AsyncConnection, known: Head | None = None) -> Checked:
    """The whole chain, line by line; `known`: a head that somebody wrote down, which must still be in it.

    Without one a log whose end was cut off looks like a shorter log.
    """
    head = Head(0, FIRST)
    while True:
        query = select(audit).where(audit.c.seq > head.seq).order_by(audit.c.seq).limit(AT_ONCE)
        lines = await many(connection, query, AuditRecord)
        for line in lines:
            follows = line.seq == head.seq + 1 and line.prev_hash == head.hash and line.hash == hash_of(line)
            if not follows or (known is not None and line.seq == known.seq and line.hash != known.hash):
                return Checked(head, head.seq + 1)
            head = Head(line.seq, line.hash)
        if len(lines) < AT_ONCE:
            return Checked(head, head.seq + 1 if known is not None and known.seq > head.seq else None)


async def of_subject(connection: AsyncConnection, subject: str, limit: int) -> list[AuditRecord]:
    """The newest lines whose subject is this word, or begins with it."""
    whole = (audit.c.subject == subject) | audit.c.subject.startswith(f"{subject} ", autoescape=True)
    return await many(connection, select(audit).where(whole).order_by(audit.c.seq.desc()).limit(limit), AuditRecord)


async def newest(connection: AsyncConnection) -> int:
    """The seq of the last line; 0 = none yet."""
    return int((await connection.execute(select(func.max(audit.c.seq)))).scalar_one() or 0)


async def find_page(connection: AsyncConnection, after: str | None, limit: int) -> tuple[list[AuditRecord], bool, int]:
    """A page, newest first: lines, whether there are more, how many in all. `after` is a seq."""
    query = select(audit).order_by(audit.c.seq.desc()).limit(limit + 1)
    if after:
        query = query.where(audit.c.seq < int(after))
    lines = await many(connection, query, AuditRecord)
    total = (await connection.execute(select(func.count()).select_from(audit))).scalar_one()
    return lines[:limit], len(lines) > limit, int(total)
