"""Silences: made, ended, and which of them hold."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.silences import SILENCE_SECONDS_MAX, Matcher, Silence
from pyv_fleet.core.views import Page, SilenceSpec, SilenceVerb, SilenceView
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Invalid, NotFound
from pyv_fleet.engine.ground import Ground, rfc3339
from pyv_fleet.store import silences
from pyv_fleet.store.silences import SilenceRecord

KEPT_MS: Final = 90 * 86_400_000
"""So long after its end a silence can still be looked up."""


class Silences:
    """Alerts that they match are told to nobody; they hold and show all the same."""

    def __init__(self, ground: Ground, audit: AuditLog) -> None:
        self._ground = ground
        self._audit = audit

    async def page(self, after: str | None, limit: int) -> Page[SilenceView]:
        """All, newest first."""
        async with self._ground.database.read() as connection:
            found, more, total = await silences.find_page(connection, after, limit)
        now = self._ground.clock()
        items = tuple(_view(record, now) for record in found)
        return Page(items=items, next=items[-1].id if more else None, total=total)

    async def create(self, spec: SilenceSpec, actor: str) -> SilenceView:
        """From now on; Invalid if it says nothing, or for too long."""
        now = self._ground.clock()
        ends_at = now + spec.seconds * 1000
        if not spec.matcher.says_something:
            raise Invalid("not a silence", "say which alerts: names, device_ids, where; or everything", ("matcher",))
        if spec.seconds > SILENCE_SECONDS_MAX:
            raise Invalid("not a silence", "seconds: a year at most; switch a rule off instead", ("seconds",))
        record = SilenceRecord(
            id=self._ground.new_id(),
            matcher=msgspec.to_builtins(spec.matcher),
            begins_at=now,
            ends_at=ends_at,
            reason=spec.reason,
            made_by=actor,
        )
        async with self._ground.database.begin() as connection:
            await silences.put(connection, record)
            said = f"{spec.matcher} for {spec.seconds} s: {spec.reason}"
            await self._audit.record(connection, actor=actor, act="silence.create", subject=record.id, reason=said)
        self._ground.changes.ring("alerts")
        return _view(record, now)

    async def end(self, silence_id: str, verb: SilenceVerb, actor: str) -> SilenceView:
        """It mutes nothing from now on; one that has ended stays as it is. NotFound."""
        now = self._ground.clock()
        async with self._ground.database.begin() as connection:
            found = await silences.get(connection, silence_id)
            if found is None:
                raise NotFound("no such silence", silence_id)
            if found.ends_at > now:
                await silences.end(connection, silence_id, now, actor)
                await self._audit.record(
                    connection, actor=actor, act="silence.end", subject=silence_id, reason=verb.reason
                )
            after = await silences.get(connection, silence_id) or found
        self._ground.changes.ring("alerts")
        return _view(after, now)

    async def forget(self) -> None:
        """Those that ended long ago go."""
        async with self._ground.database.begin() as connection:
            await silences.forget_before(connection, self._ground.clock() - KEPT_MS)


async def silences_in_force(connection: AsyncConnection, now_ms: int) -> list[Silence]:
    """Those that mute now."""
    return [
        Silence(id=one.id, matcher=_matcher(one), begins_at=one.begins_at, ends_at=one.ends_at)
        for one in await silences.in_force(connection, now_ms)
    ]


def _matcher(record: SilenceRecord) -> Matcher:
    return msgspec.convert(record.matcher, Matcher)


def _view(record: SilenceRecord, now_ms: int) -> SilenceView:
    return SilenceView(
        id=record.id,
        matcher=_matcher(record),
        begins_at=rfc3339(record.begins_at),
        ends_at=rfc3339(record.ends_at),
        in_force=record.ends_at > now_ms,
        reason=record.reason,
        made_by=record.made_by,
        ended_by=record.ended_by,
    )
