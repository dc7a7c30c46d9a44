"""Drift over time: an alert where healing has stopped, and the end of an alert that the device itself has answered."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.healing import answered, policy_of, unhealed
from pyv_fleet.core.words import AlertName
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.ground import Ground
from pyv_fleet.store import alerts, channels, status
from pyv_fleet.store.alerts import AlertRecord
from pyv_fleet.store.status import Known
from pyvorin_edge.vocabulary import DriftPolicy


class DriftWatch:
    """Level-triggered from the store: call `look` every half minute. It reads devices with an open alert alone."""

    def __init__(self, ground: Ground, alerting: Alerting) -> None:
        self._ground = ground
        self._alerting = alerting

    async def look(self) -> None:
        """Raise and resolve what follows from the last reports."""
        async with self._ground.database.begin() as connection:
            every = await alerts.all_open(connection)
            drifted = {one.subject: one for one in every if one.name == AlertName.CONFIG_DRIFT}
            stopped = {one.subject for one in every if one.name == AlertName.HEALING_STOPPED}
            if not drifted and not stopped:
                return
            policies = {one.name: one.drift_policy for one in await channels.every(connection)}
            known = await status.get_many(connection, drifted.keys() | stopped)
            for device_id, one in known.items():
                await self._judge(connection, one, drifted.get(device_id), policies.get(one.device.channel))
            for gone in stopped - known.keys():
                await self._alerting.resolve(connection, AlertName.HEALING_STOPPED, gone)

    async def _judge(
        self, connection: AsyncConnection, known: Known, alert: AlertRecord | None, channel: DriftPolicy | None
    ) -> None:
        device, said = known
        if alert is not None and answered(
            standing=said.standing, raised_at=alert.raised_at, reported_at=said.reported_at
        ):
            await self._alerting.resolve(connection, AlertName.CONFIG_DRIFT, device.device_id)
            alert = None
        own = None if device.drift_terms is None else device.drift_terms.policy
        now = self._ground.clock()
        given_up = alert is not None and unhealed(
            policy=policy_of(own, channel or DriftPolicy.ALERT),
            standing=said.standing,
            kinds=said.drift_kinds,
            phase=said.phase,
            connectivity=said.connectivity,
            since_ms=alert.raised_at,
            now_ms=now,
        )
        if given_up:
            keys = ", ".join(said.drift_paths[:5]) or "its config"
            detail = (
                f"{keys}: changed again three times within an hour, or the file cannot be written; it is left as it is"
            )
            await self._alerting.raise_alert(
                connection, AlertName.HEALING_STOPPED, detail=detail, device_id=device.device_id
            )
        else:
            await self._alerting.resolve(connection, AlertName.HEALING_STOPPED, device.device_id)
