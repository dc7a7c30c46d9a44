"""Raises and resolves alerts: one open alert per name and subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.silences import Silence, muting
from pyv_fleet.core.views import AlertVerb, AlertView, Page
from pyv_fleet.core.words import AlertName, AlertState, Severity
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.errors import NotFound
from pyv_fleet.engine.ground import Ground, rfc3339, rfc3339_or_none
from pyv_fleet.engine.silences import silences_in_force
from pyv_fleet.store import alerts, devices
from pyv_fleet.store.alerts import AlertRecord


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
        severity: Severity | None = None,
        labels: Mapping[str, str] | None = None,
        rule: bool = False,
        code: str | None = None,
    ) -> bool:
        """It holds from now on; whether it is new. `subject`: the device id, else what it is about.

        `severity`: none = as the name says. `labels`: none = the device's. `rule`: a rule raised it, and ends it.
        """
        about = subject or device_id or ""
        known = await alerts.open_one(connection, name, about)
        self._ground.changes.ring("alerts")
        if known is not None:
            verified = verified or known.verified
            if (known.detail, known.verified, known.code) != (detail, verified, code):
                await alerts.change(connection, known.id, detail=detail, verified=verified, code=code)
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
            severity=severity or _severity_of(name),
            labels=await _labels_of(connection, device_id) if labels is None else dict(labels),
            rule=rule,
            code=code,
        )
        await alerts.put(connection, record)
        return True

    async def resolve(self, connection: AsyncConnection, name: str, subject: str) -> bool:
        """It no longer holds; whether it did."""
        done = await alerts.resolve(connection, name, subject, self._ground.clock())
        if done:
            self._ground.changes.ring("alerts")
        return done

    async def resolve_rule(self, connection: AsyncConnection, name: str) -> None:
        """No alert of this rule holds any more: it is another one now, or gone."""
        if await alerts.resolve_rule(connection, name, self._ground.clock()):
            self._ground.changes.ring("alerts")

    async def acknowledge(self, alert_id: str, verb: AlertVerb, actor: str, audit: AuditLog) -> AlertView:
        """A person has seen it: it is not told again and again. What tells of something that happened is over by that,
        all others end with their cause. The same again changes nothing. NotFound.
        """
        async with self._ground.database.begin() as connection:
            found = await _known(connection, alert_id)
            if found.acknowledged_at is None and found.state is AlertState.FIRING:
                await alerts.change(
                    connection,
                    alert_id,
                    acknowledged_at=self._ground.clock(),
                    acknowledged_by=actor,
                    acknowledged_reason=verb.reason,
                )
                await audit.record(
                    connection, actor=actor, act="alert.acknowledge", subject=alert_id, reason=verb.reason
                )
                if ends_when_seen(found):
                    await self.resolve(connection, found.name, found.subject)
        self._ground.changes.ring("alerts")
        return await self.get(alert_id)

    async def emergencies(self) -> tuple[AlertView, ...]:
        """Releases that went out without a canary, and that nobody has acknowledged yet; oldest first."""
        async with self._ground.database.read() as connection:
            return tuple(view_of(one) for one in await alerts.open_named(connection, AlertName.EMERGENCY))

    async def get(self, alert_id: str) -> AlertView:
        """One; NotFound."""
        async with self._ground.database.read() as connection:
            found = await _known(connection, alert_id)
            (view,) = await self._views(connection, [found])
        return view

    async def page(
        self, after: str | None, limit: int, *, state: AlertState | None = None, name: str = ""
    ) -> Page[AlertView]:
        """All alerts that match, newest first."""
        async with self._ground.database.read() as connection:
            found, more, total = await alerts.find_page(connection, after, limit, state=state, name=name)
            items = await self._views(connection, found)
        return Page(items=items, next=items[-1].id if more else None, total=total)

    async def _views(self, connection: AsyncConnection, found: Iterable[AlertRecord]) -> tuple[AlertView, ...]:
        now = self._ground.clock()
        silences = await silences_in_force(connection, now)
        return tuple(view_of(record, silences, now) for record in found)


def view_of(record: AlertRecord, silences: Iterable[Silence] = (), now_ms: int = 0) -> AlertView:
    """As the API shows it."""
    silenced = None
    if record.state is AlertState.FIRING:
        silenced = muting(silences, record.name, record.device_id, record.labels, now_ms)
    return AlertView(
        id=record.id,
        name=record.name,
        device_id=record.device_id,
        state=record.state,
        detail=record.detail,
        verified=record.verified,
        raised_at=rfc3339(record.raised_at),
        resolved_at=rfc3339_or_none(record.resolved_at),
        subject=record.subject,
        severity=record.severity,
        labels=record.labels,
        code=record.code,
        acknowledged_at=rfc3339_or_none(record.acknowledged_at),
        acknowledged_by=record.acknowledged_by,
        acknowledged_reason=record.acknowledged_reason,
        silenced_by=silenced,
    )


def ends_when_seen(record: AlertRecord) -> bool:
    """Whether nothing but a person ends it: it tells of something that happened, or the article's clients sent it."""
    if record.rule:
        return False
    try:
        return AlertName(record.name).ends_when_seen
    except ValueError:
        return True


def _severity_of(name: str) -> Severity:
    try:
        return AlertName(name).severity
    except ValueError:
        return Severity.WARNING


async def _labels_of(connection: AsyncConnection, device_id: str | None) -> dict[str, str]:
    device = None if device_id is None else await devices.get(connection, device_id)
    return {} if device is None else device.labels


async def _known(connection: AsyncConnection, alert_id: str) -> AlertRecord:
    found = await alerts.get(connection, alert_id)
    if found is None:
        raise NotFound("no such alert", alert_id)
    return found
