"""Carries groups' labels and values to their members: labels at once, values step by step (core/group_steps.py).

Level-triggered from the store: after a kill it goes on where it was, and gives nobody anything twice.
"""

from __future__ import annotations

import logging
from typing import Final

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core import group_steps as steps
from pyv_fleet.core.words import AlertName, GroupState, MemberStanding
from pyv_fleet.engine.alerting import Alerting
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.dressing import with_labels, with_values
from pyv_fleet.engine.errors import Invalid
from pyv_fleet.engine.goldens import Goldens
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.group_changes import settled
from pyv_fleet.engine.group_standing import standing_of, waits_as_told
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.overlays import OverlayFits
from pyv_fleet.store import devices, groups, rollouts, status
from pyv_fleet.store.groups import GroupRecord, MemberRecord
from pyvorin_edge.vocabulary import Connectivity

log = logging.getLogger(__name__)

LABELLED_AT_ONCE: Final = 200
"""Devices in one transaction, so that reports are not kept waiting."""
ACTOR: Final = "controller"


class GroupSteps:
    """One look at a time: call `tick` every few seconds."""

    def __init__(self, ground: Ground, goldens: Goldens, orders: Orders, alerting: Alerting, audit: AuditLog) -> None:
        self._ground = ground
        self._goldens = goldens
        self._orders = orders
        self._alerting = alerting
        self._audit = audit

    async def tick(self) -> None:
        """Every group that is on its way goes as far as it may now."""
        async with self._ground.database.read() as connection:
            under_way = await groups.stepping(connection)
        for group in under_way:
            while await self._label_some(group.name):
                await self._orders.publish_pending()
            try:
                await self._advance(group.name)
            except Invalid as why:
                await self._stop(group.name, str(why))
            await self._orders.publish_pending()

    async def _label_some(self, name: str) -> bool:
        """Label some members anew whose labels or drift terms are older than the group's; whether there may be more."""
        async with self._ground.database.begin() as connection:
            group = await groups.get(connection, name)
            if group is None:
                return False
            every = {one.name: one for one in await groups.every(connection)}
            rows = await groups.with_old_labels(connection, group, LABELLED_AT_ONCE)
            found = await devices.get_many(connection, [row.device_id for row in rows])
            for device_id, device in found.items():
                mine = await groups.of_device(connection, device_id)
                after = with_labels(device, [every[one] for one, row in mine.items() if row.member])
                if (after.labels, after.drift_terms) != (device.labels, device.drift_terms):
                    await self._orders.issue_assignment(connection, after, actor=ACTOR)
                elif after != device:
                    await devices.save(connection, after)
            await groups.set_members(connection, name, found, labels_revision=group.labels_revision)
            await groups.drop_left(connection, name)
        return len(rows) == LABELLED_AT_ONCE

    async def _advance(self, name: str) -> None:
        async with self._ground.database.begin() as connection:
            group = await groups.get(connection, name)
            if group is None or group.state is not GroupState.STEPPING:
                return
            now = self._ground.clock()
            given = await self._given(connection, group, now)
            behind = await self._behind(connection, group)
            match steps.decide(_terms(group), given, behind, now):
                case steps.Give(device_ids, because):
                    await self._give(connection, group, device_ids, because, now)
                case steps.Wait(because) if because != group.because:
                    await groups.save(connection, replace(group, because=because))
                case steps.Stop(because):
                    await self._stopped(connection, group, because)
                case steps.Done(because):
                    await self._done(connection, group, because)
                case _:
                    return
        self._ground.changes.ring("groups")

    async def _given(self, connection: AsyncConnection, group: GroupRecord, now_ms: int) -> list[steps.Given]:
        """Who was given the values, and since when each is good, which is kept."""
        rows = {row.device_id: row for row in await groups.given(connection, group.name)}
        known = await status.get_many(connection, rows)
        look = await self._goldens.look_at(connection, list(known.values()), now_ms)
        found = []
        for device_id, one in known.items():
            row = rows[device_id]
            standing = standing_of(row, one, look)
            good_at = (row.good_at or now_ms) if standing is MemberStanding.COMMITTED else None
            if good_at != row.good_at:
                await groups.set_members(connection, group.name, [device_id], good_at=good_at)
            found.append(
                steps.Given(
                    device_id=device_id,
                    given_at=row.given_at or now_ms,
                    standing=standing,
                    good_at=good_at,
                    excused=waits_as_told(one),
                )
            )
        return found

    async def _behind(self, connection: AsyncConnection, group: GroupRecord) -> list[steps.Behind]:
        """Who was not given them; a device of a channel that rolls out waits, so that each can be judged alone."""
        rows = await groups.behind(connection, group)
        known = await status.get_many(connection, [row.device_id for row in rows])
        rolling = {one.channel: f"rollout {one.id} of {one.channel}" for one in await rollouts.open_ones(connection)}
        return [
            steps.Behind(
                device_id=device_id,
                online=one.status.connectivity is Connectivity.ONLINE,
                waits_for=rolling.get(one.device.channel, ""),
            )
            for device_id, one in known.items()
        ]

    async def _give(
        self, connection: AsyncConnection, group: GroupRecord, device_ids: tuple[str, ...], because: str, now_ms: int
    ) -> None:
        """Sign these; Invalid if one cannot be signed, and then none is."""
        rows = await groups.members_of(connection, group.name)
        known = await status.get_many(connection, device_ids)
        fits = OverlayFits(connection)
        for device_id, one in known.items():
            row = rows[device_id]
            after = with_values(one.device, group, row.member)
            if after.overlay != one.device.overlay:
                await fits.refuse(after)
                await self._orders.issue_assignment(connection, after, actor=ACTOR)
            else:
                await devices.save(connection, after)
            await groups.put_member(connection, _marked(row, group, one.status.connectivity, now_ms))
        await groups.save(connection, replace(group, because=f"given to {because}"))
        subject = f"{group.name} given to {', '.join(device_ids[:5])}{' …' if len(device_ids) > 5 else ''}"
        await self._audit.record(connection, actor=ACTOR, act="group.step", subject=subject, reason=because)

    async def _stop(self, name: str, because: str) -> None:
        async with self._ground.database.begin() as connection:
            group = await groups.get(connection, name)
            if group is not None:
                await self._stopped(connection, group, because)
        self._ground.changes.ring("groups")

    async def _stopped(self, connection: AsyncConnection, group: GroupRecord, because: str) -> None:
        log.warning("group %s stopped: %s", group.name, because)
        await groups.save(connection, replace(group, state=GroupState.STOPPED, because=because))
        detail = f"group {group.name}: {because}; `pyv-fleet group revert` or `resume`, or set other values"
        await self._alerting.raise_alert(connection, AlertName.GROUP_STOPPED, detail=detail, subject=group.name)
        await self._audit.record(connection, actor=ACTOR, act="group.stop", subject=group.name, reason=because)

    async def _done(self, connection: AsyncConnection, group: GroupRecord, because: str) -> None:
        await groups.drop_left(connection, group.name)
        await groups.set_all(connection, group.name, {"given_at": None, "good_at": None, "excused": False})
        if group.leaving:
            await groups.remove(connection, group.name)
            because = "nobody has its values any more: it is gone"
        else:
            await groups.save(connection, settled(group, because))
        await self._audit.record(connection, actor=ACTOR, act="group.done", subject=group.name, reason=because)


def _terms(group: GroupRecord) -> steps.StepTerms:
    spec = group.spec
    return steps.StepTerms(
        canary=spec.canary,
        at_once=spec.at_once,
        soak_seconds=spec.soak_seconds,
        deadline_seconds=spec.deadline_seconds,
        back=group.back,
    )


def _marked(row: MemberRecord, group: GroupRecord, connectivity: Connectivity, now_ms: int) -> MemberRecord:
    return replace(
        row,
        revision=group.revision if row.member else 0,
        given_at=now_ms,
        good_at=None,
        online=connectivity is Connectivity.ONLINE,
        excused=False,
    )
