"""Who did what, in the transaction of the act itself."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.views import AuditCheck, AuditView, Page
from pyv_fleet.engine.errors import Invalid
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.store import audit
from pyv_fleet.store.audit import AuditRecord

SEQ_DIGITS_MAX: Final = 18
"""Beyond that a number is none that a store can hold."""
HEAD: Final = re.compile(r"[0-9]{1,18}:[0-9a-f]{64}")


class AuditLog:
    """Appends to the chain, and shows it."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def record(self, connection: AsyncConnection, *, actor: str, act: str, subject: str, reason: str) -> None:
        """One line; `act` is noun.verb (`rollout.create`)."""
        await audit.append(
            connection, now_ms=self._ground.clock(), actor=actor, act=act, subject=subject, reason=reason
        )

    async def check(self, known: str | None) -> AuditCheck:
        """Whether a line was changed or taken out; `known` is a `head` that was written down, SEQ:HASH. Invalid."""
        head = None if not known else _head(known)
        async with self._ground.database.read() as connection:
            found = await audit.checked(connection, head)
        return AuditCheck(lines=found.head.seq, head=f"{found.head.seq}:{found.head.hash}", broken=found.broken)

    async def newest(self) -> int:
        """The number of the last line: as long as it is the same, nothing was done."""
        async with self._ground.database.read() as connection:
            return await audit.newest(connection)

    async def of_subject(self, subject: str, limit: int) -> tuple[AuditView, ...]:
        """The newest lines about one thing, by its id. It reads the whole log: ask when `newest` changed."""
        async with self._ground.database.read() as connection:
            return tuple(_view_of(line) for line in await audit.of_subject(connection, subject, limit))

    async def page(self, after: str | None, limit: int) -> Page[AuditView]:
        """The log, newest first; `after` is a seq."""
        if after and not (after.isascii() and after.isdigit() and len(after) <= SEQ_DIGITS_MAX):
            raise Invalid("after", f"{after!r} is no line's number")
        async with self._ground.database.read() as connection:
            lines, more, total = await audit.find_page(connection, after, limit)
        items = tuple(_view_of(line) for line in lines)
        return Page(items=items, next=str(items[-1].seq) if more else None, total=total)


def _head(known: str) -> audit.Head:
    seq, _, digest = known.partition(":")
    if not HEAD.fullmatch(known):
        raise Invalid("known", f"{known[:80]!r} is no head: write SEQ:HASH as an earlier check said it")
    return audit.Head(int(seq), digest)


def _view_of(line: AuditRecord) -> AuditView:
    return AuditView(
        seq=line.seq, at=rfc3339(line.at), actor=line.actor, act=line.act, subject=line.subject, reason=line.reason
    )
