"""Raises and resolves alerts: one open alert per name and subject."""

from __future__ import annotations

from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.views import AlertVerb, AlertView, Page
from pyv_fleet.core.words import AlertName, AlertState
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import Conflict, NotFound
from pyv_fleet.engine.ground import Ground, rfc3339, rfc3339_or_none
from pyv_fleet.store import alerts
from pyv_fleet.store.alerts import AlertRecord

FOR_PEOPLE: Final = (AlertName.EMERGENCY, AlertName.FOREIGN_DIRECTIVE)
"""Alerts that a person ends, by a look: no cause of theirs ever ends."""


class Alerting:
    """In the caller's transaction, so that an alert stands exactly when its cause does."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def raise_alert(
        self,
        connection: AsyncConnection,
        name: str,
        *,
        detail: str,
        device_id: str | None = None,
        subject: str | None = None,
        verified: bool = True,
    ) -> bool:
        """It holds from now on; whether it is new. `subject`: the device id, else what it is about."""
        about = subject or device_id or ""
        known = await alerts.open_one(connection, name, about)
        self._ground.changes.ring("alerts")
        if known is not None:
            if (known.detail, known.verified) != (detail, verified or known.verified):
                await alerts.update_detail(connection, known.id, detail, verified or known.verified)
            return False
        record = AlertRecord(
            id=self._ground.new_id(),
            name=name,
            subject=about,
            device_id=device_id,
            state=AlertState.FIRING,
            detail=detail,
            verified=verified,
            raised_at=self._ground.clock(),
        )
        await alerts.put(connection, record)
        return True

    async def resolve(self, connection: AsyncConnection, name: str, subject: str) -> bool:
        """It no longer holds; whether it did."""
        done = await alerts.resolve(connection, name, subject, self._ground.clock())
        if done:
            self._ground.changes.ring("alerts")
        return done

    async def acknowledge(self, alert_id: str, verb: AlertVerb, actor: str, audit: AuditLog) -> AlertView:
        """A person has looked at what only a person can judge: it is over. The same again changes nothing.

        NotFound; Conflict for any other alert: those end with their cause.
        """
        async with self._ground.database.begin() as connection:
            found = await alerts.get(connection, alert_id)
            if found is None:
                raise NotFound("no such alert", alert_id)
            if found.name not in FOR_PEOPLE:
                raise Conflict("it ends with its cause", f"{found.name} is resolved when it no longer holds")
            if await self.resolve(connection, found.name, found.subject):
                await audit.record(
                    connection, actor=actor, act="alert.acknowledge", subject=alert_id, reason=verb.reason
                )
            after = await alerts.get(connection, alert_id) or found
        return view_of(after)

    async def page(self, after: str | None, limit: int) -> Page[AlertView]:
        """All alerts, newest first."""
        async with self._ground.database.read() as connection:
            found, more, total = await alerts.find_page(connection, after, limit)
        items = tuple(view_of(record) for record in found)
        return Page(items=items, next=items[-1].id if more else None, total=total)


def view_of(record: AlertRecord) -> AlertView:
    """As the API shows it."""
    return AlertView(
        id=record.id,
        name=record.name,
        device_id=record.device_id,
        state=record.state,
        detail=record.detail,
        verified=record.verified,
        raised_at=rfc3339(record.raised_at),
        resolved_at=rfc3339_or_none(record.resolved_at),
    )
