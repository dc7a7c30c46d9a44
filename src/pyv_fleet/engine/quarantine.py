"""Devices that are shut out for a while: their certificates count nowhere, and count again when it is lifted."""

from __future__ import annotations

from msgspec.structs import replace

from pyv_fleet.core.views import AssignmentView
from pyv_fleet.engine.assignments import Assignments, known_device
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.revocation import Revocation
from pyv_fleet.store import devices


class Quarantine:
    """Shuts devices out, and lets them in again; each is safe to repeat."""

    def __init__(self, ground: Ground, revocation: Revocation, assignments: Assignments, audit: AuditLog) -> None:
        self._ground = ground
        self._revocation = revocation
        self._assignments = assignments
        self._audit = audit

    async def impose(self, device_id: str, reason: str, actor: str) -> AssignmentView:
        """The device is refused by API and broker from now on, and its live session ends; NotFound.

        It stays on what it runs, is in no wave, and cannot renew its certificate. Said again, the broker is told again.
        """
        await self._set(device_id, True, "device.quarantine", reason, actor)
        await self._revocation.cut([device_id])
        return await self._assignments.get(device_id)

    async def lift(self, device_id: str, reason: str, actor: str) -> AssignmentView:
        """The certificates that it had count again; it comes back by itself and obeys what stands then; NotFound."""
        await self._set(device_id, False, "device.unquarantine", reason, actor)
        await self._revocation.restore()
        return await self._assignments.get(device_id)

    async def _set(self, device_id: str, quarantined: bool, act: str, reason: str, actor: str) -> None:
        async with self._ground.database.begin() as connection:
            device = (await known_device(connection, device_id)).device
            if device.quarantined != quarantined:
                await devices.save(connection, replace(device, quarantined=quarantined))
                await self._audit.record(connection, actor=actor, act=act, subject=device_id, reason=reason)
        self._ground.changes.ring("devices")
