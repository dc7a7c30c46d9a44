"""What each device is told for itself: checked before anything is changed, then signed anew, once."""

from __future__ import annotations

import zoneinfo
from typing import Any

from msgspec import UNSET
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncConnection

from pyv_fleet.core.group_layers import provenance
from pyv_fleet.core.labels import LabelsRefused, labels_after
from pyv_fleet.core.views import AssignmentView, DevicePatch, PinBody, PinView
from pyv_fleet.engine.audit import AuditLog
from pyv_fleet.engine.channels import known_channel
from pyv_fleet.engine.dressing import Dressed, dressed
from pyv_fleet.engine.errors import Conflict, Invalid, NotFound
from pyv_fleet.engine.ground import Ground
from pyv_fleet.engine.orders import Orders
from pyv_fleet.engine.overlays import OverlayFits
from pyv_fleet.engine.releases import known_release
from pyv_fleet.engine.rollout_plans import refuse_release
from pyv_fleet.engine.trust_chain import TrustChain
from pyv_fleet.store import groups, releases, status
from pyv_fleet.store import orders as directives
from pyv_fleet.store.devices import DeviceRecord
from pyv_fleet.store.status import Known, StatusRecord
from pyvorin_edge.config.layers import leaves
from pyvorin_edge.vocabulary import RuleKind


class Assignments:
    """Shows and changes assignments, one device at a time: many at once are a rollout, or a group's steps."""

    def __init__(self, ground: Ground, trust: TrustChain, orders: Orders, audit: AuditLog) -> None:
        self._ground = ground
        self._trust = trust
        self._orders = orders
        self._audit = audit

    async def get(self, device_id: str) -> AssignmentView:
        """A device's assignment; NotFound."""
        async with self._ground.database.read() as connection:
            known = await known_device(connection, device_id)
            return await self._view(connection, known)

    async def change(self, device_id: str, patch: DevicePatch, actor: str) -> AssignmentView:
        """The assignment after it; the same again signs nothing.

        NotFound for an unknown device, channel or release, Invalid for what a device would refuse, Conflict if the
        release is barred, or if the assignment is not the one that `if_number` names.
        """
        async with self._ground.database.begin() as connection:
            known = await known_device(connection, device_id)
            before = known.device
            if patch.if_number is not UNSET and patch.if_number != before.number:
                raise Conflict(
                    "the assignment was changed meanwhile",
                    f"{device_id} has number {before.number}, not {patch.if_number}: look at it again",
                )
            done = await self._patched(connection, known, patch)
            after = done.device
            if after != before:
                await self._sign(connection, before, after, patch, actor)
                await done.keep(connection)
        if after != before:
            await self._orders.publish_pending()
            self._ground.changes.ring("devices")
        return await self.get(device_id)

    async def _patched(self, connection: AsyncConnection, known: Known, patch: DevicePatch) -> Dressed:
        """The device with what the patch says, refused if a device could not obey it."""
        device = known.device
        if patch.tz is not UNSET:
            _refuse_zone(patch.tz)
            device = replace(device, tz=patch.tz)
        if patch.channel is not UNSET and patch.channel != device.channel:
            await known_channel(connection, patch.channel)
            minimum = await self._generation(connection, patch.channel)
            # a turn was of the channel before: taken back, and counted until the device has heard so
            device = replace(device, channel=patch.channel, min_generation=minimum, turn=device.turn_over)
        if patch.pin is not UNSET:
            device = replace(device, pin=await self._pin(connection, known, patch.pin))
        done = Dressed(device)
        if patch.labels is not UNSET or patch.overlay is not UNSET:
            labels = device.labels_of_its_own
            done = await dressed(
                connection,
                device,
                own_labels=labels if patch.labels is UNSET else _labels(labels, patch.labels),
                own_overlay=None if patch.overlay is UNSET else patch.overlay,
            )
        if _target_of(done.device) != _target_of(known.device):
            await OverlayFits(connection).refuse(done.device)
        return done

    async def _pin(self, connection: AsyncConnection, known: Known, body: PinBody | None) -> dict[str, Any] | None:
        """The pin to sign: the standing one if it says the same, else a new attempt of the release."""
        if body is None:
            return None
        release = await known_release(connection, body.release)
        kind = RuleKind.ROLLBACK if body.at_once else RuleKind.RELEASE
        now = known.device.pin
        if now is not None and (now["release"], now["kind"]) == (release.digest, kind.value):
            return now
        refuse_release(release, self._trust.current)
        if release.security < known.status.floor:
            raise Conflict(
                "below the device's floor",
                f"{release.version} has security {release.security}, {known.device.device_id} has committed a "
                f"release whose floor is {known.status.floor}: it would refuse it",
            )
        attempt = await releases.next_attempt(connection, release.digest)
        return {"release": release.digest, "attempt": attempt, "kind": kind.value}

    async def _generation(self, connection: AsyncConnection, channel: str) -> int:
        """What a device that moves to a channel must see there before it counts (PROTOCOL 5, rule 11)."""
        current = await directives.current(connection, channel)
        return current.generation if current is not None and current.epoch == self._trust.current.epoch else 0

    async def _sign(
        self, connection: AsyncConnection, before: DeviceRecord, after: DeviceRecord, patch: DevicePatch, actor: str
    ) -> None:
        await self._orders.issue_assignment(connection, after, actor=actor)
        subject = f"{after.device_id} {changed_words(before, after)}"
        await self._audit.record(connection, actor=actor, act="device.assign", subject=subject, reason=patch.reason)

    async def _view(self, connection: AsyncConnection, known: Known) -> AssignmentView:
        device = known.device
        pinned = None if device.pin is None else await releases.get(connection, device.pin["release"])
        return AssignmentView(
            device_id=device.device_id,
            channel=device.channel,
            number=device.number,
            min_generation=device.min_generation,
            labels=device.labels,
            own_labels=device.labels_of_its_own,
            overlay=device.overlay,
            own_overlay=device.values_of_its_own,
            sources=provenance(device.layers or (), device.values_of_its_own),
            groups=await _groups_of(connection, device.device_id),
            pin=pin_view(device.pin, None if pinned is None else pinned.version),
            tz=device.tz,
            quarantined=device.quarantined,
            published=device.published_at is not None,
            heard=has_heard(device, known.status),
        )


async def _groups_of(connection: AsyncConnection, device_id: str) -> tuple[str, ...]:
    found = await groups.of_device(connection, device_id)
    return tuple(sorted(name for name, row in found.items() if row.member))


async def known_device(connection: AsyncConnection, device_id: str) -> Known:
    """A device whole; NotFound."""
    found = await status.get(connection, device_id)
    if found is None:
        raise NotFound("no such device", f"{device_id!r} is not enrolled")
    return found


def _target_of(device: DeviceRecord) -> tuple[object, ...]:
    """What an overlay must fit, and the overlay."""
    return device.channel, device.pin, device.overlay


def pin_view(pin: dict[str, Any] | None, version: str | None) -> PinView | None:
    """A stored pin for people."""
    if pin is None:
        return None
    return PinView(release=pin["release"], version=version, attempt=pin["attempt"], kind=RuleKind(pin["kind"]))


def has_heard(device: DeviceRecord, said: StatusRecord) -> bool:
    """Whether the device said that it has this very assignment."""
    return (said.epoch, said.number) == (device.epoch, device.number)


def changed_words(before: DeviceRecord, after: DeviceRecord) -> str:
    """What an operator changed, for the audit log, without the values of an overlay."""
    found = [
        f"{name} {getattr(before, name)} to {getattr(after, name)}"
        for name in ("channel", "tz")
        if getattr(before, name) != getattr(after, name)
    ]
    found += [f"{key}={value}" for key, value in after.labels.items() if before.labels.get(key) != value]
    found += [f"without {key}" for key in before.labels if key not in after.labels]
    if before.pin != after.pin:
        found.append("unpinned" if after.pin is None else f"pinned to {after.pin['release']}")
    if before.overlay != after.overlay:
        found.append(f"overlay of {', '.join(leaves(after.overlay)) or 'nothing'}")
    return ", ".join(found)


def _labels(before: dict[str, str], patch: dict[str, str | None]) -> dict[str, str]:
    try:
        return labels_after(before, patch)
    except LabelsRefused as why:
        raise Invalid("labels", str(why), why.errors) from None


def _refuse_zone(name: str) -> None:
    """Invalid for a time zone that nobody knows: a device would keep its windows closed for ever."""
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        said = f"{name!r} is no time zone: write one as Europe/Berlin, or UTC"
        raise Invalid("tz", said, (f"tz: {said}",)) from None
